/** A string that has been seen before, with the bytes that it came from. */
export interface InternedString {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const SLOTS = 1024;
/** Longer strings are made anew each time: they are rare, and would make the cache's bound in bytes loose. */
const MAX_BYTES = 256;

/**
 * Strings that come again and again (types, sources, clusters), found by their bytes without making a string. A fixed
 * number of slots, a newer string takes the place of an older one: at most 1024 times 256 bytes, whatever comes in.
 * Only ASCII is kept: finding a string here therefore also proves that its bytes are valid UTF-8.
 */
export class InternedStrings {
  readonly #slots: (InternedString | undefined)[] = new Array<InternedString | undefined>(SLOTS).fill(
    undefined,
  );

  /** The string of these bytes, or undefined when they are not ASCII. */
  get(bytes: Buffer, start: number, end: number): string | undefined {
    const length = end - start;
    if (length === 0) return '';
    if (length > MAX_BYTES) return isAscii(bytes, start, end) ? latin1(bytes, start, end) : undefined;
    const slot = slotOf(bytes, start, end);
    const known = this.#slots[slot];
    if (known !== undefined && same(known.bytes, bytes, start, length)) return known.text;
    if (!isAscii(bytes, start, end)) return undefined;
    const text = latin1(bytes, start, end);
    this.#slots[slot] = { bytes: Uint8Array.prototype.slice.call(bytes, start, end), text };
    return text;
  }
}

/** Whether all bytes are ASCII. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let seen = 0;
  for (let at = start; at < end; at++) seen |= bytes[at] ?? 0;
  return seen < 0x80;
}

/** Whether `bytes` from `start` on begin with all of `known`; four bytes a step, for this is where the scan spends its time. */
export function same(known: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (known.length !== length) return false;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const from = start + at;
    const different =
      ((known[at] ?? 0) ^ (bytes[from] ?? 0)) |
      ((known[at + 1] ?? 0) ^ (bytes[from + 1] ?? 0)) |
      ((known[at + 2] ?? 0) ^ (bytes[from + 2] ?? 0)) |
      ((known[at + 3] ?? 0) ^ (bytes[from + 3] ?? 0));
    if (different !== 0) return false;
  }
  for (; at < length; at++) {
    if (known[at] !== bytes[start + at]) return false;
  }
  return true;
}

/** A few bytes tell most strings apart: the length, the ends, and some from between. */
function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  let hash = length;
  const last = end - 1;
  for (let back = 0; back < 8 && last - back >= start; back++)
    hash = (hash * 31 + (bytes[last - back] ?? 0)) | 0;
  hash = (hash * 31 + (bytes[start] ?? 0)) | 0;
  hash = (hash * 31 + (bytes[start + (length >> 1)] ?? 0)) | 0;
  hash = (hash * 31 + (bytes[start + (length >> 2)] ?? 0)) | 0;
  return (hash ^ (hash >>> 10)) & (SLOTS - 1);
}

/** `toString('latin1')` without its look-up of the encoding's name: half of the time for a short string. */
export function latin1(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & { latin1Slice(start: number, end: number): string }).latin1Slice(start, end);
}
