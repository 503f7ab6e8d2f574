import { connect, type Socket } from 'node:net';
import {
  ACK,
  callFields,
  data,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PING,
  PREFACE,
  RST_STREAM,
  SETTINGS,
  settings,
} from './frames.js';

const HEAD = 9;
/** Frames that are kept for whoever looks later; a flood of answers is counted only. */
const KEPT = 20_000;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface RawOptions {
  /** What is sent first. Default: the preface and empty SETTINGS. */
  readonly first?: Uint8Array;
  /** SETTINGS and PING are not acknowledged. Default `false`. */
  readonly silent?: boolean;
  /** Nothing is read until `resume`. Default `false`. */
  readonly deaf?: boolean;
}

/** How a connection ended. */
export interface Ending {
  /** Error code of the last GOAWAY; undefined: there was none. */
  readonly goAway: number | undefined;
  /** What the GOAWAY said, for humans. */
  readonly said: string;
  /** How the socket ended: `end`, `ECONNRESET`, `EPIPE` ... */
  readonly how: string;
}

/** An HTTP/2 client without manners: a socket, and frames as its owner likes them. */
export class RawPeer {
  /** `host:port` of this side, as the broker logs it. */
  readonly address: string;
  readonly ended: Promise<Ending>;
  /** What came, in order. */
  readonly frames: Frame[] = [];
  readonly #socket: Socket;
  readonly #options: RawOptions;
  #rest: Buffer = Buffer.alloc(0);
  #goAway: number | undefined;
  #said = '';
  #over = false;
  #nextStream = -1;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket, options: RawOptions) {
    this.#socket = socket;
    this.#options = options;
    this.address = `127.0.0.1:${socket.localPort}`;
    let how = 'end';
    this.ended = new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => {
        how = error.code ?? error.message;
      });
      socket.on('close', () => {
        this.#over = true;
        this.#stir();
        resolve({ goAway: this.#goAway, said: this.#said, how });
      });
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    if (options.deaf === true) socket.pause();
    socket.write(options.first ?? Buffer.concat([PREFACE, settings()]));
  }

  static open(server: string, options: RawOptions = {}): Promise<RawPeer> {
    const port = Number(server.slice(server.lastIndexOf(':') + 1));
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawPeer(socket, options));
      });
    });
  }

  get over(): boolean {
    return this.#over;
  }

  /** The next id of a stream of ours. */
  streamId(): number {
    this.#nextStream += 2;
    return this.#nextStream;
  }

  /** Resolves when there is room for more, or all is over. */
  send(bytes: Uint8Array): Promise<void> {
    if (this.#over || this.#socket.destroyed) return Promise.resolve();
    if (this.#socket.write(bytes)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.once('drain', done).once('close', done);
    });
  }

  /** Sends a whole call; gives its stream. */
  async call(path: string, body: Uint8Array, more: readonly (readonly [string, string])[] = []) {
    const streamId = this.streamId();
    await this.send(Buffer.concat([headers(streamId, callFields(path, more)), data(streamId, body)]));
    return streamId;
  }

  /** Both sides have acknowledged each other's SETTINGS: whatever is sent from now on is the owner's. */
  async settled(): Promise<void> {
    await this.frame(({ type, flags }) => type === SETTINGS && (flags & ACK) === 0);
    await this.frame(({ type, flags }) => type === SETTINGS && (flags & ACK) !== 0);
  }

  /** The first frame that fits, now or later; undefined: the connection ended without. */
  async frame(fits: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (let next = 0; ; ) {
      for (; next < this.frames.length; next += 1) {
        const here = this.frames[next];
        if (here !== undefined && fits(here)) return here;
      }
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** How the stream ended: by a frame that ends it, or by a reset. */
  streamEnd(streamId: number): Promise<Frame | undefined> {
    return this.frame(
      (here) =>
        here.streamId === streamId &&
        (here.type === RST_STREAM || (here.type <= HEADERS && (here.flags & ACK) !== 0)),
    );
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says that it sends nothing more, and reads on. */
  finish(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Vanishes with a reset. */
  abort(): void {
    this.#socket.resetAndDestroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEAD) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < HEAD + length) break;
      this.#take({
        type: bytes[at + 3] ?? 0,
        flags: bytes[at + 4] ?? 0,
        streamId: bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: bytes.subarray(at + HEAD, at + HEAD + length),
      });
      at += HEAD + length;
    }
    this.#rest = bytes.subarray(at);
    this.#stir();
  }

  #take(here: Frame): void {
    if (this.frames.length < KEPT) this.frames.push(here);
    if (here.type === GOAWAY && here.payload.length >= 8) {
      this.#goAway = here.payload.readUInt32BE(4);
      this.#said = here.payload.toString('utf8', 8);
    }
    if (this.#options.silent === true || (here.flags & ACK) !== 0) return;
    if (here.type === SETTINGS) this.#socket.write(frame(SETTINGS, ACK, 0));
    if (here.type === PING) this.#socket.write(frame(PING, ACK, 0, here.payload));
  }

  #stir(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const resolve of waiting) resolve();
  }
}
