import { frame, PREFACE } from '../conformance/wire.js';
import type { Random } from './random.js';
import { type Frame, ValidConnection } from './valid-connection.js';

/** What a peer sends: the bytes, and where they are cut into chunks. */
export interface Attack {
  readonly bytes: Buffer;
  readonly cuts: readonly number[];
  /** What was done to a valid connection, for people. */
  readonly mutations: readonly string[];
}

/** A valid connection, and in nine of ten cases what is left of it after one to three mutations. */
export function makeAttack(random: Random): Attack {
  let frames = [...new ValidConnection(random).frames()];
  const mutations: string[] = [];
  const rounds = random.percent(10) ? 0 : 1 + random.below(3);
  const late: ((bytes: Buffer) => Buffer)[] = [];
  for (let round = 0; round < rounds; round++) {
    const at = random.below(frames.length);
    const one = frames[at];
    if (one === undefined) break;
    const put = (...instead: readonly Frame[]): void => {
      frames = frames.toSpliced(at, 1, ...instead);
    };
    const name = random.pick(KINDS);
    mutations.push(`${name} of frame ${at}`);
    switch (name) {
      case 'drop':
        put();
        break;
      case 'duplicate':
        put(one, one);
        break;
      case 'move':
        put();
        frames = frames.toSpliced(random.below(frames.length + 1), 0, one);
        break;
      case 'type':
        put({ ...one, type: random.below(12) });
        break;
      case 'flags':
        put({ ...one, flags: one.flags ^ (1 << random.pick([0, 2, 3, 5])) });
        break;
      case 'stream':
        put({ ...one, streamId: random.pick([0, 1, 2, 3, 5, 7, 9, 0x7fff_ffff]) });
        break;
      case 'shorter':
        put({ ...one, payload: one.payload.subarray(0, random.below(one.payload.length + 1)) });
        break;
      case 'longer':
        put({ ...one, payload: Buffer.concat([one.payload, random.bytes(1 + random.below(10))]) });
        break;
      case 'payload':
        put({ ...one, payload: flipped(one.payload, random) });
        break;
      case 'strange':
        put(one, {
          type: random.below(12),
          flags: random.below(64),
          streamId: random.below(10),
          payload: random.bytes(random.below(30)),
        });
        break;
      case 'number':
        put({ ...one, payload: withNumber(one.payload, random) });
        break;
      case 'bits':
        late.push((bytes) => Buffer.concat([bytes.subarray(0, 24), flipped(bytes.subarray(24), random)]));
        break;
      case 'cut':
        late.push((bytes) => bytes.subarray(0, random.below(bytes.length)));
        break;
      case 'splice':
        late.push((bytes) => {
          const from = 24 + random.below(bytes.length - 24);
          return Buffer.concat([
            bytes.subarray(0, from),
            random.bytes(random.below(20)),
            bytes.subarray(from + random.below(20)),
          ]);
        });
        break;
    }
  }
  const parts = frames.map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload));
  let bytes: Buffer = Buffer.concat([PREFACE, ...parts]);
  for (const change of late) if (bytes.length > 25) bytes = change(bytes);
  return { bytes, cuts: cutsOf(bytes.length, random), mutations };
}

const KINDS = [
  'drop',
  'duplicate',
  'move',
  'type',
  'flags',
  'stream',
  'shorter',
  'longer',
  'payload',
  'payload',
  'strange',
  'number',
  'bits',
  'bits',
  'cut',
  'splice',
] as const;

/** Where to cut: in one piece, in some, or byte by byte. */
export function cutsOf(length: number, random: Random): readonly number[] {
  if (random.percent(50)) return [];
  if (random.percent(5)) return Array.from({ length: Math.min(length, 400) }, (_, index) => index + 1);
  return Array.from({ length: random.below(8) }, () => random.below(length + 1)).sort((a, b) => a - b);
}

/** The chunks. Each in memory of its own, as a socket gives them. */
export function chunksOf(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (to > from) chunks.push(Buffer.from(bytes.subarray(from, to)));
    from = Math.max(from, to);
  }
  return chunks;
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return copy;
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = random.below(copy.length);
    copy[at] = random.percent(50) ? (copy[at] ?? 0) ^ (1 << random.below(8)) : random.below(256);
  }
  return copy;
}

/** One of the numbers that break things, somewhere. */
function withNumber(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length < 4) return copy;
  copy.writeUInt32BE(
    random.pick([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 16_384, 65_536]),
    random.below(copy.length - 3),
  );
  return copy;
}
