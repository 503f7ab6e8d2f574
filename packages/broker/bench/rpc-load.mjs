// Raw HTTP/2 over sockets, as little of it as a gRPC load needs, so that the server is the bottleneck and not the client.
import { connect } from 'node:net';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const WINDOW = 1 << 30;
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const END_HEADERS = 4;

function frame(type, flags, stream, payload) {
  const head = Buffer.alloc(9 + payload.length);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  payload.copy(head, 9);
  return head;
}

function literal(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Header blocks as gRPC clients send them: the first fills the HPACK table, the later ones are all indices. */
function headerBlocks(path) {
  const fields = [
    [':authority', '127.0.0.1:8090'],
    [':path', path],
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-go/1.81.0'],
    ['te', 'trailers'],
  ];
  const fixed = [0x83, 0x86]; // :method POST, :scheme http
  const first = Buffer.concat([
    Buffer.from(fixed),
    ...fields.flatMap(([name, value]) => [Buffer.from([0x40]), literal(name), literal(value)]),
  ]);
  const later = Buffer.from([...fixed, ...fields.map((_, i) => 0x80 | (62 + fields.length - 1 - i))]);
  return { first, later };
}

class Connection {
  constructor(port) {
    this.rest = Buffer.alloc(0);
    this.sendWindow = 65_535;
    this.received = 0;
    this.out = [];
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => this.read(chunk));
    this.socket.on('error', () => undefined);
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(4, 0);
    settings.writeUInt32BE(WINDOW, 2);
    const grow = Buffer.alloc(4);
    grow.writeUInt32BE(WINDOW, 0);
    this.socket.write(
      Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, settings), frame(WINDOW_UPDATE, 0, 0, grow)]),
    );
  }

  read(chunk) {
    const data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    while (data.length - at >= 9) {
      const length = data.readUIntBE(at, 3);
      if (data.length - at < 9 + length) break;
      this.frame(data[at + 3], data[at + 4], data.readUInt32BE(at + 5), data, at + 9, length);
      at += 9 + length;
    }
    this.rest = data.subarray(at);
    if (this.received > 1 << 22) {
      this.giveWindow(this.received);
      this.received = 0;
    }
    this.turnOver();
    this.flush();
  }

  frame(type, flags, stream, data, at, length) {
    if (type === SETTINGS && (flags & 1) === 0) this.out.push(frame(SETTINGS, 1, 0, Buffer.alloc(0)));
    else if (type === PING && (flags & 1) === 0) this.out.push(frame(PING, 1, 0, data.subarray(at, at + 8)));
    else if (type === WINDOW_UPDATE && stream === 0) this.sendWindow += data.readUInt32BE(at);
    else if (type === GOAWAY) throw new Error(`the server sent GOAWAY ${data.readUInt32BE(at + 4)}`);
    else if (type === DATA) {
      this.received += length;
      this.body(data, at, length);
    } else if (type === HEADERS && (flags & END_STREAM) !== 0) this.ended(stream);
  }

  giveWindow(bytes) {
    const update = Buffer.alloc(4);
    update.writeUInt32BE(bytes, 0);
    this.out.push(frame(WINDOW_UPDATE, 0, 0, update));
    if (this.stream !== undefined) this.out.push(frame(WINDOW_UPDATE, 0, this.stream, update));
  }

  flush() {
    if (this.out.length === 0) return;
    this.socket.write(Buffer.concat(this.out));
    this.out = [];
  }

  body() {}
  ended() {}
  turnOver() {}
  close() {
    this.socket.destroy();
  }
}

/**
 * Keeps a number of events in flight: an event is done when it has been acknowledged and every subscriber of `follow` has it
 * (a server that acknowledges and queues would only be measured at queueing). Latencies of acknowledgements in milliseconds
 * are kept from `reset` on.
 */
export class Publisher extends Connection {
  constructor(port, path, message, inFlight) {
    super(port);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    this.payload = Buffer.concat([prefix, message]);
    this.blocks = headerBlocks(path);
    this.inFlight = inFlight;
    this.open = 0;
    this.next = 1;
    this.running = false;
    this.sent = 0;
    this.subscribers = [];
    this.started = new Map();
    this.reset();
  }

  reset() {
    this.acked = 0;
    this.latencies = [];
  }

  start() {
    this.running = true;
    this.turnOver();
    this.flush();
  }

  /** Resolves when the last call in flight has been answered. */
  stop() {
    this.running = false;
    return new Promise((resolve) => {
      this.idle = resolve;
      if (this.open === 0) resolve();
    });
  }

  ended(stream) {
    this.acked++;
    this.open--;
    this.latencies.push(performance.now() - this.started.get(stream));
    this.started.delete(stream);
    if (this.open === 0 && !this.running) this.idle?.();
  }

  follow(subscribers) {
    this.subscribers = subscribers;
    for (const subscriber of subscribers) {
      subscriber.turnOver = () => {
        this.turnOver();
        this.flush();
      };
    }
  }

  mayOpen() {
    if (!this.running || this.open >= this.inFlight || this.sendWindow < this.payload.length) return false;
    for (const subscriber of this.subscribers) {
      if (this.sent - subscriber.messages >= this.inFlight) return false;
    }
    return true;
  }

  turnOver() {
    while (this.mayOpen()) {
      const stream = this.next;
      this.next += 2;
      this.out.push(
        frame(HEADERS, END_HEADERS, stream, stream === 1 ? this.blocks.first : this.blocks.later),
        frame(DATA, END_STREAM, stream, this.payload),
      );
      this.sendWindow -= this.payload.length;
      this.started.set(stream, performance.now());
      this.open++;
      this.sent++;
    }
  }
}

/** One server stream; counts its messages. */
export class Subscriber extends Connection {
  constructor(port, path, request) {
    super(port);
    this.stream = 1;
    this.messages = 0;
    this.bytes = 0;
    this.skip = 0;
    this.head = Buffer.alloc(5);
    this.headFill = 0;
    this.opened = new Promise((resolve) => {
      this.onOpen = resolve;
    });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(request.length, 1);
    this.out.push(
      frame(HEADERS, END_HEADERS, 1, headerBlocks(path).first),
      frame(DATA, END_STREAM, 1, Buffer.concat([prefix, request])),
    );
    this.flush();
  }

  frame(type, flags, stream, data, at, length) {
    if (type === HEADERS) this.onOpen();
    super.frame(type, flags, stream, data, at, length);
  }

  body(data, at, length) {
    this.bytes += length;
    const end = at + length;
    while (at < end) {
      if (this.skip > 0) {
        const taken = Math.min(this.skip, end - at);
        this.skip -= taken;
        at += taken;
        if (this.skip === 0) this.messages++;
      } else {
        this.head[this.headFill++] = data[at++];
        if (this.headFill === 5) {
          this.headFill = 0;
          this.skip = this.head.readUInt32BE(1);
          if (this.skip === 0) this.messages++;
        }
      }
    }
  }
}

/** Many server streams on one connection, opened and left alone. */
export class IdleStreams extends Connection {
  constructor(port, path, request, count) {
    super(port);
    const blocks = headerBlocks(path);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(request.length, 1);
    const payload = Buffer.concat([prefix, request]);
    let answered = 0;
    this.opened = new Promise((resolve) => {
      this.answer = () => ++answered === count && resolve();
    });
    for (let i = 0; i < count; i++) {
      const stream = 2 * i + 1;
      this.out.push(
        frame(HEADERS, END_HEADERS, stream, i === 0 ? blocks.first : blocks.later),
        frame(DATA, END_STREAM, stream, payload),
      );
    }
    this.flush();
  }

  frame(type, flags, stream, data, at, length) {
    if (type === HEADERS) this.answer();
    super.frame(type, flags, stream, data, at, length);
  }
}
