/** A length in the shortest form, of up to four bytes; -1 for anything else. `sizeOfLength` says where it ends. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0x80;
  if (first < 0x80) return first;
  let length = first & 0x7f;
  for (let index = 1; index < 4; index++) {
    const byte = bytes[at + index] ?? 0;
    length |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return byte === 0 ? -1 : length;
  }
  return -1;
}

/** How many bytes the shortest form of a length has. */
export function sizeOfLength(length: number): number {
  if (length < 0x80) return 1;
  return length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4;
}

/** Whether all bytes are ASCII. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let seen = 0;
  let at = start;
  for (; at + 4 <= end; at += 4)
    seen |= (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) | (bytes[at + 2] ?? 0) | (bytes[at + 3] ?? 0);
  for (; at < end; at++) seen |= bytes[at] ?? 0;
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

/** `toString('latin1')` without its look-up of the encoding's name: half of the time for a short string. */
export function latin1(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & { latin1Slice(start: number, end: number): string }).latin1Slice(start, end);
}

/** A string that will hardly come again; undefined when it is not ASCII. */
export function uniqueString(bytes: Buffer, start: number, end: number): string | undefined {
  return isAscii(bytes, start, end) ? latin1(bytes, start, end) : undefined;
}

/** Not empty, and without space at the ends that Go would cut off; the text is ASCII. */
export function isTrimmed(text: string): boolean {
  return text !== '' && text.charCodeAt(0) > 0x20 && text.charCodeAt(text.length - 1) > 0x20;
}

/** A source of letters, digits and `-_.~/` is a URI reference without looking further. */
export function isPlainSource(source: string): boolean {
  if (source === '') return false;
  for (let at = 0; at < source.length; at++) {
    const code = source.charCodeAt(at);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    const other = (code >= 0x2d && code <= 0x39) || code === 0x5f || code === 0x7e;
    if (!letter && !other) return false;
  }
  return true;
}

/** Whether the string at `start` is `1.0`. */
export function isVersion1(bytes: Uint8Array, start: number, length: number): boolean {
  return length === 3 && bytes[start] === 0x31 && bytes[start + 1] === 0x2e && bytes[start + 2] === 0x30;
}
