import { gzipSync } from 'node:zlib';
import {
  type Field,
  FLAG,
  hpackInteger,
  literals,
  message,
  padded,
  TYPE,
  uint32,
} from '../conformance/wire.js';
import type { Random } from './random.js';

/** A frame before it is bytes. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export const CALL = '/test.Fuzz/Call';
export const TALK = '/test.Fuzz/Talk';

/** Strings in Huffman code as RFC 7541 Appendix C gives them. */
const HUFFMAN: readonly (readonly [text: string, code: string])[] = [
  ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
  ['no-cache', 'a8eb10649cbf'],
  ['custom-key', '25a849e95ba97d7f'],
  ['custom-value', '25a849e95bb8e8b4bf'],
  ['private', 'aec3771a4b'],
  ['302', '6402'],
];

/** What a client says that follows the rules: everything that a server must understand is in one of them, sooner or later. */
export class ValidConnection {
  readonly #random: Random;
  readonly #frames: Frame[] = [];
  /** Entries of the dynamic table that this client may point to, the newest first. */
  readonly #table: Field[] = [];
  #nextStream = 1;

  constructor(random: Random) {
    this.#random = random;
  }

  frames(): readonly Frame[] {
    const random = this.#random;
    this.#settings(true);
    if (random.percent(30)) this.#windowUpdate(0);
    const streams = Array.from({ length: 1 + random.below(4) }, () => this.#stream());
    // They take turns, in a random order.
    for (let open = streams; open.length > 0; open = open.filter((one) => one.length > 0)) {
      const turn = random.pick(open).shift();
      for (const frame of turn?.() ?? []) this.#frames.push(frame);
      if (random.percent(20)) this.#between();
    }
    return this.#frames;
  }

  #settings(first: boolean): void {
    const random = this.#random;
    const pool: readonly (readonly [number, number])[] = [
      [1, random.pick([0, 100, 4_096, 65_536])],
      [2, 0],
      [3, random.pick([0, 100, 1_000])],
      [4, random.pick([0, 10, 65_535, 1_000_000])],
      [5, random.pick([16_384, 20_000, 16_777_215])],
      [6, random.pick([8_192, 100_000])],
      [0x7a7a, random.below(2 ** 31)],
    ];
    const chosen = pool.filter(() => random.percent(first ? 35 : 15));
    const payload = Buffer.alloc(chosen.length * 6);
    for (const [index, [id, value]] of chosen.entries()) {
      payload.writeUInt16BE(id, index * 6);
      payload.writeUInt32BE(value, index * 6 + 2);
    }
    this.#frames.push({ type: TYPE.SETTINGS, flags: 0, streamId: 0, payload });
    if (first)
      this.#frames.push({ type: TYPE.SETTINGS, flags: FLAG.ACK, streamId: 0, payload: Buffer.alloc(0) });
  }

  #windowUpdate(streamId: number): void {
    const payload = uint32(1 + this.#random.below(100_000));
    this.#frames.push({ type: TYPE.WINDOW_UPDATE, flags: 0, streamId, payload });
  }

  #between(): void {
    const random = this.#random;
    switch (random.below(5)) {
      case 0:
        this.#frames.push({ type: TYPE.PING, flags: 0, streamId: 0, payload: random.bytes(8) });
        break;
      case 1:
        this.#frames.push({
          type: 0x40 + random.below(100),
          flags: random.below(256),
          streamId: random.below(9),
          payload: random.bytes(random.below(20)),
        });
        break;
      case 2:
        this.#windowUpdate(0);
        break;
      case 3:
        this.#settings(false);
        break;
      default: {
        const payload = Buffer.concat([uint32(0), random.bytes(1)]);
        this.#frames.push({ type: TYPE.PRIORITY, flags: 0, streamId: 1 + 2 * random.below(9), payload });
      }
    }
  }

  /** The steps of one stream, each some frames that stay together. */
  #stream(): (() => readonly Frame[])[] {
    const random = this.#random;
    let streamId = 0;
    const zipped = random.percent(8);
    const open = (endStream: boolean) => (): readonly Frame[] => {
      streamId = this.#nextStream;
      this.#nextStream += random.percent(90) ? 2 : 6;
      return this.#headers(streamId, this.#request(zipped), endStream);
    };
    if (random.percent(8)) return [open(true)];
    const steps: (() => readonly Frame[])[] = [open(false)];
    const trailers = random.percent(20);
    const body = Buffer.concat(Array.from({ length: random.below(3) }, () => this.#message(zipped)));
    for (let at = 0; at < body.length; ) {
      const piece = body.subarray(at, at + 1 + random.below(150));
      at += piece.length;
      const last = at >= body.length && !trailers;
      steps.push(() => [this.#data(streamId, piece, last)]);
      if (random.percent(10))
        steps.push(() => [
          { type: TYPE.WINDOW_UPDATE, flags: 0, streamId, payload: uint32(1 + random.below(1_000)) },
        ]);
    }
    if (trailers)
      steps.push(() =>
        this.#headers(streamId, this.#block([['x-end', random.pick(['yes', 'no', ''])]]), true),
      );
    else if (body.length === 0) steps.push(() => [this.#data(streamId, Buffer.alloc(0), true)]);
    if (random.percent(15)) {
      const keep = 1 + random.below(steps.length);
      steps.length = keep;
      steps.push(() => [
        { type: TYPE.RST_STREAM, flags: 0, streamId, payload: uint32(random.pick([0, 2, 8, 0xff])) },
      ]);
    }
    return steps;
  }

  #data(streamId: number, payload: Buffer, last: boolean): Frame {
    const flags = last ? FLAG.END_STREAM : 0;
    if (!this.#random.percent(20)) return { type: TYPE.DATA, flags, streamId, payload };
    return {
      type: TYPE.DATA,
      flags: flags | FLAG.PADDED,
      streamId,
      payload: padded(payload, this.#random.below(40)),
    };
  }

  #headers(streamId: number, block: Buffer, endStream: boolean): readonly Frame[] {
    const random = this.#random;
    let flags = endStream ? FLAG.END_STREAM : 0;
    const cuts = random.percent(15) ? 1 + random.below(3) : 0;
    const pieces: Buffer[] = [];
    let rest = block;
    for (let cut = 0; cut < cuts; cut++) {
      const at = random.below(rest.length + 1);
      pieces.push(rest.subarray(0, at));
      rest = rest.subarray(at);
    }
    pieces.push(rest);
    let first = pieces[0] ?? block;
    if (random.percent(10)) {
      flags |= FLAG.PRIORITY;
      first = Buffer.concat([uint32(random.percent(50) ? 0 : 0x8000_0000), random.bytes(1), first]);
    }
    if (random.percent(10)) {
      flags |= FLAG.PADDED;
      first = padded(first, random.below(30));
    }
    return pieces.map((piece, index) => ({
      type: index === 0 ? TYPE.HEADERS : TYPE.CONTINUATION,
      flags: (index === 0 ? flags : 0) | (index === pieces.length - 1 ? FLAG.END_HEADERS : 0),
      streamId,
      payload: index === 0 ? first : piece,
    }));
  }

  #message(zipped: boolean): Buffer {
    const random = this.#random;
    const payload = random.bytes(random.below(200));
    if (!zipped || random.percent(30)) return message(payload);
    const bytes = message(gzipSync(random.percent(90) ? payload : Buffer.alloc(200_000)));
    bytes[0] = 1;
    return bytes;
  }

  #request(zipped: boolean): Buffer {
    const random = this.#random;
    const fields: Field[] = [
      [':method', random.percent(95) ? 'POST' : 'GET'],
      [':scheme', 'http'],
      [':path', random.pick([CALL, TALK, TALK, '/no.such/Method'])],
      [':authority', random.pick(['localhost', 'www.example.com'])],
      ['content-type', random.percent(95) ? 'application/grpc' : 'text/plain'],
      ['te', 'trailers'],
    ];
    if (zipped) fields.push(['grpc-encoding', 'gzip']);
    if (random.percent(30)) fields.push(['grpc-timeout', random.pick(['30S', '1H', '99999999m'])]);
    if (random.percent(20)) fields.push(['custom-key', random.pick(['custom-value', 'private', '302', ''])]);
    if (random.percent(10)) fields.push(['x-bin', 'AAEC'], ['cookie', 'a=b'], ['cookie', 'c=d']);
    if (random.percent(10)) fields.push(['x-long', 'long '.repeat(random.below(80)).trim()]);
    return this.#block(fields);
  }

  /** Fields as indices, literals of all kinds, plain or in Huffman code. */
  #block(fields: readonly Field[]): Buffer {
    const { percent } = { percent: (chance: number) => this.#random.percent(chance) };
    const update = this.#table.length === 0 && percent(10) ? [hpackInteger(4_096, 5, 0x20)] : [];
    return Buffer.concat([...update, ...fields.map((field) => this.#field(field))]);
  }

  #field(field: Field): Buffer {
    const random = this.#random;
    const [name, value] = field;
    const at = this.#table.findIndex(([n, v]) => n === name && v === value);
    if (at >= 0 && random.percent(80)) return hpackInteger(62 + at, 7, 0x80);
    if (name === ':method' && random.percent(70)) return Buffer.from([value === 'GET' ? 0x82 : 0x83]);
    if (name === ':scheme' && random.percent(70)) return Buffer.from([0x86]);
    const plain = literals([field]).subarray(1);
    const huffman = HUFFMAN.find(([text]) => text === value);
    const body = huffman !== undefined && random.percent(70) ? withHuffman(name, huffman[1]) : plain;
    if (random.percent(50) && this.#table.length < 20) {
      this.#table.unshift(field);
      return Buffer.concat([Buffer.from([0x40]), body]);
    }
    return Buffer.concat([Buffer.from([random.percent(50) ? 0x00 : 0x10]), body]);
  }
}

function withHuffman(name: string, code: string): Buffer {
  const bytes = Buffer.from(code, 'hex');
  const head = literals([[name, '']]).subarray(1, -1);
  return Buffer.concat([head, hpackInteger(bytes.length, 7, 0x80), bytes]);
}
