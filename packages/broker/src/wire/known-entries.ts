import { KnownBytes } from './known-bytes.js';

/** Which part of an envelope an entry fills; undefined for one that is only checked. */
export type RepeatingAttribute = 'cluster' | 'originalSource' | 'contentType' | undefined;

/** A whole map entry of the attributes, key and value, that was read and found good before. */
export interface KnownEntry {
  readonly bytes: KnownBytes;
  readonly name: RepeatingAttribute;
  readonly text: string | undefined;
}

const SLOTS = 1024;
const MAX_BYTES = 128;

/**
 * Map entries that come with nearly every event (content type, cluster, original source): one comparison of bytes instead
 * of reading key, kind and value. Bounded as `InternedStrings` is: 1024 entries of 128 bytes.
 */
export class KnownEntries {
  readonly #slots: (KnownEntry | undefined)[] = new Array<KnownEntry | undefined>(SLOTS).fill(undefined);

  find(bytes: Uint8Array, start: number, end: number): KnownEntry | undefined {
    const length = end - start;
    if (length > MAX_BYTES || length < 12) return undefined;
    const known = this.#slots[slotOf(bytes, start, end)];
    return known?.bytes.fill(bytes, start, length) === true ? known : undefined;
  }

  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    name: RepeatingAttribute,
    text: string | undefined,
  ): void {
    const length = end - start;
    if (length > MAX_BYTES || length < 12) return;
    this.#slots[slotOf(bytes, start, end)] = {
      bytes: new KnownBytes(bytes, start, end),
      name,
      text,
    };
  }
}

/** From the length, two letters of the key, and the last bytes of the value. */
function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const key = (bytes[start + 5] ?? 0) * 7 + (bytes[start + 8] ?? 0) * 13;
  const tail =
    (bytes[end - 1] ?? 0) +
    (bytes[end - 2] ?? 0) * 10 +
    (bytes[end - 3] ?? 0) * 101 +
    (bytes[end - 4] ?? 0) * 211;
  return (end - start + key + tail) & (SLOTS - 1);
}
