import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

const PREFACE = 24;
const HEAD = 9;
const PING = 6;
const ACK = 1;

/** PING frames that have passed. */
interface Pings {
  asked: number;
  answered: number;
}

export interface TapOptions {
  /** Every byte travels in a TCP segment of its own, both ways. Default `false`. */
  readonly byteByByte?: boolean;
}

/** A relay before the broker that counts the client's pings and the broker's answers; without TLS only. */
export class FrameTap {
  readonly address: string;
  readonly pings: Pings = { asked: 0, answered: 0 };
  /** How many there have been. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #options: TapOptions;
  #silent = false;

  private constructor(server: Server, address: string, options: TapOptions) {
    this.#server = server;
    this.address = address;
    this.#options = options;
  }

  /** `target`: HOST:PORT of the broker. */
  static async before(target: string, options: TapOptions = {}): Promise<FrameTap> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no TCP port');
    const tap = new FrameTap(server, `127.0.0.1:${bound.port}`, options);
    server.on('connection', (near) => tap.#join(near, target));
    return tap;
  }

  /** From now on nothing gets through, and nothing is closed, as when the other machine has vanished. */
  silence(): void {
    this.#silent = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #join(near: Socket, target: string): void {
    this.connections += 1;
    const [host = '', port = ''] = target.split(':');
    const far = connect(Number(port), host);
    const asked = new FrameHeads(PREFACE, (type, flags) => {
      if (type === PING && (flags & ACK) === 0) this.pings.asked += 1;
    });
    const answered = new FrameHeads(0, (type, flags) => {
      if (type === PING && (flags & ACK) !== 0) this.pings.answered += 1;
    });
    this.#relay(near, far, asked);
    this.#relay(far, near, answered);
  }

  #relay(from: Socket, to: Socket, heads: FrameHeads): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (bytes: Buffer) => {
      if (this.#silent) return;
      heads.read(bytes);
      if (this.#options.byteByByte !== true) to.write(bytes);
      else for (let at = 0; at < bytes.length; at += 1) to.write(bytes.subarray(at, at + 1));
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

/** Finds the heads of the frames in a stream of bytes. */
class FrameHeads {
  readonly #head = Buffer.alloc(HEAD);
  readonly #onHead: (type: number, flags: number) => void;
  #skip: number;
  #have = 0;

  constructor(skip: number, onHead: (type: number, flags: number) => void) {
    this.#skip = skip;
    this.#onHead = onHead;
  }

  read(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const taken = bytes.copy(this.#head, this.#have, at, at + HEAD - this.#have);
      at += taken;
      this.#have += taken;
      if (this.#have < HEAD) return;
      this.#have = 0;
      this.#skip = this.#head.readUIntBE(0, 3);
      this.#onHead(this.#head.readUInt8(3), this.#head.readUInt8(4));
    }
  }
}
