/** NATS JetStream: as NATS, but every message is answered once the stream has it. The stream keeps all messages in files. */
import { nats } from './nats.mjs';

const ACKS = `_INBOX.acks-${process.pid}`;
const SETUP = `_INBOX.setup-${process.pid}`;
/** As bytes: `1` and `9`. */
const SID_OF_SUBSCRIBER = 0x31;
const SID_OF_ACKS = 0x39;
const STREAM = JSON.stringify({
  name: 'BENCH',
  subjects: ['sources.>'],
  storage: 'file',
  retention: 'limits',
  discard: 'old',
  num_replicas: 1,
});
const CREATE = Buffer.from(
  `SUB ${SETUP} 8\r\nPUB $JS.API.STREAM.CREATE.BENCH ${SETUP} ${Buffer.byteLength(STREAM)}\r\n${STREAM}\r\n`,
);
/** Connections on which the acknowledgements arrive. */
const asked = new WeakSet();

export const jetstream = {
  topic: nats.topic,
  subscribe: nats.subscribe,

  /** Every connection makes sure that the stream is there. */
  greet(out) {
    nats.greet(out);
    append(out, CREATE);
  },

  publish(out, topic, request, start) {
    if (!asked.has(out)) {
      asked.add(out);
      append(out, Buffer.from(`SUB ${ACKS} 9\r\n`));
    }
    const payload = request.length - start;
    const head = `PUB ${topic.latin1Slice()} ${ACKS} ${payload}\r\n`;
    const at = out.reserve(head.length + payload + 2);
    const { buffer } = out;
    buffer.latin1Write(head, at);
    request.copy(buffer, at + head.length, start);
    buffer[at + head.length + payload] = 13;
    buffer[at + head.length + payload + 1] = 10;
  },

  parser({ ready, received, acked, ...rest }) {
    return nats.parser({
      ...rest,
      acked() {},
      ready() {},
      received(bytes, start, end, sid) {
        if (sid === SID_OF_SUBSCRIBER) received(bytes, start, end);
        else if (bytes.latin1Slice(start, end).includes('"error"'))
          throw new Error(`JetStream: ${bytes.latin1Slice(start, end)}`);
        else if (sid === SID_OF_ACKS) acked();
        else ready();
      },
    });
  },
};

function append(out, bytes) {
  const at = out.reserve(bytes.length);
  bytes.copy(out.buffer, at);
}
