import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HpackDecoder } from '../../../../src/rpc/h2/hpack/decoder.js';
import { ServerMonitor } from './monitor.js';
import { CODE, type CodeName, FLAG, PREFACE, ping, settings, settingsAck, TYPE } from './wire.js';

/** How long a test waits for what must come. It is a limit of failure: nothing is concluded from its passing. */
const PATIENCE_MS = 5_000;

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Of HEADERS with its CONTINUATION frames, once it is whole. */
  readonly fields?: ReadonlyMap<string, string>;
}

export interface PeerOptions {
  /** What is sent first. Default: preface and empty SETTINGS. */
  readonly first?: Buffer;
  /** It acknowledges SETTINGS. Default true. */
  readonly acknowledges?: boolean;
  /** A socket that is connected already, over TLS perhaps. */
  readonly socket?: Socket;
}

/**
 * A client that sends exactly what it is told, and keeps every frame that comes. When it is done with, it fails the test if the server has
 * broken a rule in anything that it sent.
 */
export class RawPeer implements Disposable {
  readonly frames: ReceivedFrame[] = [];
  /** Whatever came that is no frame. */
  raw = Buffer.alloc(0);
  closed = false;
  readonly socket: Socket;
  readonly #acknowledges: boolean;
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 1_000_000, maxFields: 1_000 });
  readonly #monitor = new ServerMonitor();
  #unsaid = PREFACE.length;
  #said = Buffer.alloc(0);
  #rest = Buffer.alloc(0);
  #block: { readonly streamId: number; readonly flags: number; readonly parts: Buffer[] } | undefined;
  #watchers: (() => void)[] = [];
  #fences = 0;

  private constructor(socket: Socket, acknowledges: boolean) {
    this.socket = socket;
    this.#acknowledges = acknowledges;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.closed = true;
      this.#look();
    });
  }

  static async connect(port: number, options: PeerOptions = {}): Promise<RawPeer> {
    let { socket } = options;
    if (socket === undefined) {
      socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
    }
    socket.setNoDelay(true);
    const peer = new RawPeer(socket, options.acknowledges ?? true);
    peer.send(options.first ?? Buffer.concat([PREFACE, settings()]));
    return peer;
  }

  /** All in one write. */
  send(...bytes: readonly Buffer[]): this {
    const all = Buffer.concat(bytes);
    this.#tellMonitor(all);
    this.socket.write(all);
    return this;
  }

  /** As far as it is frames. */
  #tellMonitor(bytes: Buffer): void {
    const preface = Math.min(this.#unsaid, bytes.length);
    this.#unsaid -= preface;
    let rest = Buffer.concat([this.#said, bytes.subarray(preface)]);
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      const streamId = rest.readUInt32BE(5) & 0x7fff_ffff;
      this.#monitor.sent(rest.readUInt8(3), rest.readUInt8(4), streamId, rest.subarray(9, end));
      rest = rest.subarray(end);
    }
    this.#said = rest;
  }

  /** The frames of a stream, or of the connection (0), of one type or of all. */
  of(streamId: number, type?: number): ReceivedFrame[] {
    return this.frames.filter(
      (one) => one.streamId === streamId && (type === undefined || one.type === type),
    );
  }

  /** Bytes of DATA that came on a stream. */
  dataBytes(streamId: number): number {
    return this.of(streamId, TYPE.DATA).reduce((sum, { payload }) => sum + payload.length, 0);
  }

  /** Resolves once `look` gives something. Rejects, and tells what came, when nothing more can come or patience is over. */
  async until<T>(what: string, look: () => T | undefined): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const fail = (why: string): void => reject(new Error(`${what}: ${why}. What came:\n${this.story()}`));
        const check = (): void => {
          const found = look();
          if (found !== undefined) resolve(found);
          else if (this.closed) fail('the connection has closed');
          else this.#watchers.push(check);
        };
        timer = setTimeout(() => fail(`not within ${PATIENCE_MS} ms`), PATIENCE_MS);
        check();
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** GOAWAY with one of these codes, and the end of the connection after it. */
  async expectConnectionError(...codes: readonly CodeName[]): Promise<ReceivedFrame> {
    const goAway = await this.expectGoAway(...codes);
    await this.expectClosed();
    return goAway;
  }

  async expectGoAway(...codes: readonly CodeName[]): Promise<ReceivedFrame> {
    const goAway = await this.until(`GOAWAY ${codes.join(' or ')}`, () => this.of(0, TYPE.GOAWAY)[0]);
    this.#expectCode(goAway.payload.readUInt32BE(4), codes);
    return goAway;
  }

  async expectClosed(): Promise<void> {
    await this.until('the end of the connection', () => (this.closed ? true : undefined));
  }

  /** RST_STREAM with one of these codes, and a connection that goes on. */
  async expectStreamError(streamId: number, ...codes: readonly CodeName[]): Promise<void> {
    const reset = await this.until(
      `RST_STREAM ${codes.join(' or ')} of ${streamId}`,
      () => this.of(streamId, TYPE.RST_STREAM)[0],
    );
    this.#expectCode(reset.payload.readUInt32BE(0), codes);
    await this.fence();
  }

  /** The first header block of a stream. */
  async expectHeaders(streamId: number): Promise<ReadonlyMap<string, string>> {
    return await this.until(
      `a header block of ${streamId}`,
      () => this.of(streamId, TYPE.HEADERS).find(({ fields }) => fields !== undefined)?.fields,
    );
  }

  /** END_STREAM; gives all fields of the stream's header blocks, trailers over headers. */
  async expectEnd(streamId: number): Promise<ReadonlyMap<string, string>> {
    await this.until(`END_STREAM of ${streamId}`, () =>
      this.of(streamId).find(
        ({ type, flags }) => (type === TYPE.DATA || type === TYPE.HEADERS) && (flags & FLAG.END_STREAM) !== 0,
      ),
    );
    return new Map(this.of(streamId, TYPE.HEADERS).flatMap(({ fields }) => [...(fields ?? [])]));
  }

  async expectSettingsAck(count = 1): Promise<void> {
    await this.until(`${count} SETTINGS with ACK`, () => this.acks()[count - 1]);
  }

  acks(): ReceivedFrame[] {
    return this.of(0, TYPE.SETTINGS).filter(({ flags }) => (flags & FLAG.ACK) !== 0);
  }

  async expectPong(payload: string): Promise<ReceivedFrame> {
    return await this.until(`the answer to PING ${payload}`, () =>
      this.of(0, TYPE.PING).find(
        (one) => (one.flags & FLAG.ACK) !== 0 && one.payload.toString('latin1') === payload,
      ),
    );
  }

  /**
   * Whatever the server owes for what was sent so far has come: it answers in order. Twice, because a server may answer PING before
   * what it composes in the same turn.
   */
  async fence(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const payload = `fence${String(this.#fences++).padStart(3, '0')}`;
      this.send(ping(payload));
      await this.expectPong(payload);
    }
  }

  /** What came, one line a frame. */
  story(): string {
    const lines = this.frames.map(
      ({ type, flags, streamId, payload, fields }) =>
        `  ${nameOf(TYPE, type)} flags=0x${flags.toString(16)} stream=${streamId} ${tell(type, payload)}${fields === undefined ? '' : ` ${JSON.stringify([...fields])}`}`,
    );
    return [...lines, this.closed ? '  (closed)' : '  (open)'].join('\n');
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
    const { violations } = this.#monitor;
    if (violations.length > 0)
      throw new Error(`the server broke: ${violations.join('; ')}. What came:\n${this.story()}`);
  }

  #expectCode(found: number, wanted: readonly CodeName[]): void {
    if (wanted.length === 0 || wanted.some((name) => CODE[name] === found)) return;
    throw new Error(`${nameOf(CODE, found)} came, not ${wanted.join(' or ')}. What came:\n${this.story()}`);
  }

  #received(chunk: Buffer): void {
    this.raw = Buffer.concat([this.raw, chunk]);
    let rest = Buffer.concat([this.#rest, chunk]);
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      this.#frame(rest.readUInt8(3), rest.readUInt8(4), rest.readUInt32BE(5), rest.subarray(9, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    this.#look();
  }

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.#monitor.received(type, flags, streamId, payload);
    if (type === TYPE.HEADERS || type === TYPE.CONTINUATION) {
      const block = type === TYPE.HEADERS ? { streamId, flags, parts: [] } : this.#block;
      if (block === undefined) throw new Error('CONTINUATION without HEADERS');
      block.parts.push(payload);
      this.#block = block;
      if ((flags & FLAG.END_HEADERS) === 0) return;
      this.#block = undefined;
      const whole = Buffer.concat(block.parts);
      const { names, values } = this.#decoder.decode(whole, 0, whole.length);
      const fields = new Map(names.map((name, index) => [name, values[index] ?? '']));
      this.frames.push({ type: TYPE.HEADERS, flags: block.flags, streamId, payload: whole, fields });
      return;
    }
    this.frames.push({ type, flags, streamId, payload });
    if (type === TYPE.SETTINGS && (flags & FLAG.ACK) === 0 && this.#acknowledges) this.send(settingsAck());
  }

  #look(): void {
    for (const check of this.#watchers.splice(0)) check();
  }
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(names).find(([, one]) => one === value)?.[0] ?? String(value);
}

function tell(type: number, payload: Buffer): string {
  if (type === TYPE.RST_STREAM) return nameOf(CODE, payload.readUInt32BE(0));
  if (type !== TYPE.GOAWAY) return `${payload.length} bytes`;
  return `last=${payload.readUInt32BE(0)} ${nameOf(CODE, payload.readUInt32BE(4))} "${payload.toString('utf8', 8)}"`;
}
