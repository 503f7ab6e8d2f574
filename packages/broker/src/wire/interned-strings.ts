import { isAscii, latin1, same } from './fast-scan-bytes.js';

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
