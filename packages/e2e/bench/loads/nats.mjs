/** As much of the NATS client protocol as a load needs. */
const PING = Buffer.from('PING\r\n');
const PONG = Buffer.from('PONG\r\n');
const CONNECT = Buffer.from('CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"0"}\r\n');

export const nats = {
  topic: (source, cluster) => Buffer.from(`sources.${source}.clusters.${cluster}.sourceevents`),

  greet(out) {
    append(out, CONNECT);
    append(out, PING);
  },

  subscribe(out, topic) {
    append(out, Buffer.concat([Buffer.from('SUB '), topic, Buffer.from(' 1\r\n')]));
  },

  /** The PING behind each message brings the PONG that acknowledges it. */
  publish(out, topic, request, start) {
    const payload = request.length - start;
    const head = `PUB ${topic.latin1Slice()} ${payload}\r\n`;
    const at = out.reserve(head.length + payload + 2 + PING.length);
    const { buffer } = out;
    buffer.latin1Write(head, at);
    request.copy(buffer, at + head.length, start);
    buffer[at + head.length + payload] = 13;
    buffer[at + head.length + payload + 1] = 10;
    PING.copy(buffer, at + head.length + payload + 2);
  },

  parser({ out, ready, received, acked, turn }) {
    let greeted = false;
    return (bytes) => {
      let at = 0;
      while (at < bytes.length) {
        const lineEnd = bytes.indexOf(10, at);
        if (lineEnd < 0) break;
        const first = bytes[at];
        if (first === 0x4d) {
          // MSG subject sid size, or with a subject for replies: MSG subject sid reply size
          let size = 0;
          let factor = 1;
          for (let digit = lineEnd - 2; bytes[digit] !== 32; digit--) {
            size += (bytes[digit] - 48) * factor;
            factor *= 10;
          }
          const end = lineEnd + 1 + size;
          if (end + 2 > bytes.length) break;
          received(bytes, lineEnd + 1, end, bytes[bytes.indexOf(32, at + 4) + 1]);
          at = end + 2;
          continue;
        }
        if (first === 0x50 && bytes[at + 1] === 0x4f) {
          if (greeted) acked();
          else {
            greeted = true;
            ready();
          }
        } else if (first === 0x50) append(out, PONG);
        else if (first === 0x2d) throw new Error(`NATS: ${bytes.latin1Slice(at, lineEnd)}`);
        at = lineEnd + 1;
      }
      turn?.();
      return at;
    };
  },
};

function append(out, bytes) {
  const at = out.reserve(bytes.length);
  bytes.copy(out.buffer, at);
}
