/** As much of MQTT 3.1.1 as a load with QoS 1, or with QoS 0, needs. */
let packetId = 0;

const nextId = () => {
  packetId = packetId === 65_535 ? 1 : packetId + 1;
  return packetId;
};

export const mqtt = {
  topic: (source, cluster) => Buffer.from(`sources/${source}/clusters/${cluster}/sourceevents`),

  greet(out) {
    const id = `bench-${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
    const body = Buffer.concat([
      Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0]),
      Buffer.from([0, id.length]),
      Buffer.from(id),
    ]);
    append(out, Buffer.concat([Buffer.from([0x10, body.length]), body]));
  },

  subscribe(out, topic, qos = 1) {
    const id = nextId();
    const head = Buffer.from([0x82, topic.length + 5, id >> 8, id & 255, 0, topic.length]);
    append(out, Buffer.concat([head, topic, Buffer.from([qos])]));
  },

  /** QoS 1; the payload is `request` from `start` on. */
  publish(out, topic, request, start) {
    const payload = request.length - start;
    let at = writeHead(out, 0x32, topic.length + 4 + payload);
    const { buffer } = out;
    buffer[at++] = 0;
    buffer[at++] = topic.length;
    at += topic.copy(buffer, at);
    const id = nextId();
    buffer[at++] = id >> 8;
    buffer[at++] = id & 255;
    request.copy(buffer, at, start);
  },

  /** Returns a function that eats whole packets and tells how many bytes it ate. */
  parser({ out, ready, received, acked, turn }) {
    return (bytes) => {
      let at = 0;
      while (bytes.length - at >= 2) {
        let length = 0;
        let position = at + 1;
        let shift = 0;
        let byte;
        do {
          if (position >= bytes.length) return at;
          byte = bytes[position++];
          length |= (byte & 127) << shift;
          shift += 7;
        } while (byte & 128);
        if (position + length > bytes.length) break;
        const kind = bytes[at] >> 4;
        if (kind === 2) ready();
        else if (kind === 4) acked();
        else if (kind === 3) {
          const topicEnd = position + 2 + bytes.readUInt16BE(position);
          if ((bytes[at] & 6) === 0) {
            received(bytes, topicEnd, position + length);
            at = position + length;
            continue;
          }
          const reply = out.reserve(4);
          out.buffer[reply] = 0x40;
          out.buffer[reply + 1] = 2;
          out.buffer[reply + 2] = bytes[topicEnd];
          out.buffer[reply + 3] = bytes[topicEnd + 1];
          received(bytes, topicEnd + 2, position + length);
        }
        at = position + length;
      }
      turn?.();
      return at;
    };
  },
};

/** QoS 0 both ways: nothing is acknowledged. */
export const mqttQos0 = {
  ...mqtt,
  unacknowledged: true,

  subscribe: (out, topic) => mqtt.subscribe(out, topic, 0),

  publish(out, topic, request, start) {
    const payload = request.length - start;
    const remaining = topic.length + 2 + payload;
    const at = writeHead(out, 0x30, remaining);
    const { buffer } = out;
    buffer[at] = 0;
    buffer[at + 1] = topic.length;
    topic.copy(buffer, at + 2);
    request.copy(buffer, at + 2 + topic.length, start);
  },
};

/** Room for a packet with its type and length written; where the rest of it goes. */
function writeHead(out, type, remaining) {
  const lengthBytes = remaining < 128 ? 1 : remaining < 16_384 ? 2 : 3;
  let at = out.reserve(1 + lengthBytes + remaining);
  const { buffer } = out;
  buffer[at++] = type;
  for (let index = 0; index < lengthBytes; index++) {
    buffer[at++] = (remaining & 127) | (index < lengthBytes - 1 ? 128 : 0);
    remaining >>= 7;
  }
  return at;
}

function append(out, bytes) {
  const at = out.reserve(bytes.length);
  bytes.copy(out.buffer, at);
}
