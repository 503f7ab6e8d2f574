import { isUtf8 } from 'node:buffer';
import { isAscii, lengthAt, sizeOfLength } from './fast-scan-bytes.js';

/** Value kinds by their tag in CloudEventAttributeValue. */
export const Kind = Object.freeze({
  boolean: 0x08,
  integer: 0x10,
  string: 0x1a,
  bytes: 0x22,
  timestamp: 0x3a,
});

/** The last second that a Date knows. */
const MAX_SECONDS = 8.64e12;
/** Of the seventh byte of a varint. */
const MOST_FACTOR = 2 ** 42;

/**
 * Where the content of a value begins: its text, bytes, seconds or number. -1 when it does not fill the rest up to `end`,
 * or is of a kind that goes to the full decoder.
 */
export function contentOf(bytes: Uint8Array, kind: number, at: number, end: number): number {
  switch (kind) {
    case Kind.string:
    case Kind.timestamp:
    case Kind.bytes: {
      const length = lengthAt(bytes, at);
      const content = at + sizeOfLength(length);
      return content + length === end && length >= 0 ? content : -1;
    }
    case Kind.integer:
    case Kind.boolean:
      return at;
    default:
      return -1;
  }
}

/** Whether the content is good for its kind. */
export function isValue(bytes: Uint8Array, kind: number, content: number, end: number): boolean {
  switch (kind) {
    case Kind.string:
      return isText(bytes, content, end);
    case Kind.timestamp:
      return millisFilling(bytes, content, end) >= 0;
    case Kind.integer:
      return int32Filling(bytes, content, end) !== undefined;
    case Kind.boolean:
      return (int32Filling(bytes, content, end) ?? -1) >= 0;
    default:
      return kind === Kind.bytes;
  }
}

/** Whether the bytes are UTF-8. */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= 64 && isAscii(bytes, start, end)) return true;
  return isUtf8(bytes.subarray(start, end));
}

/** A varint that ends at `end` and is an int32: up to five bytes, or ten of a negative number. */
export function int32Filling(bytes: Uint8Array, at: number, end: number): number | undefined {
  const size = end - at;
  if (size < 1 || (size > 5 && size !== 10)) return undefined;
  let value = 0;
  for (let index = 0, factor = 1; index < size && index < 5; index++, factor *= 0x80) {
    const byte = bytes[at + index] ?? 0;
    // All but the last one go on.
    if (byte < 0x80 !== (at + index === end - 1)) return undefined;
    value += (byte & 0x7f) * factor;
  }
  if (size <= 5) return value <= 0x7fffffff ? value : undefined;
  // Negative: bits 31 to 63 must all be set.
  if (bytes[at + 9] !== 1) return undefined;
  for (let index = 5; index < 9; index++) if (bytes[at + index] !== 0xff) return undefined;
  return value < 0x780000000 ? undefined : value - 0x800000000;
}

/** A timestamp that ends at `end`, in milliseconds; -1 when it goes to the full decoder (all before 1970 do). */
export function millisFilling(bytes: Uint8Array, start: number, end: number): number {
  let seconds = 0;
  let at = start;
  if (at < end && bytes[at] === 0x08) {
    for (let factor = 1; ; factor *= 0x80) {
      at++;
      // Six bytes hold 42 bits: enough for the year 141,000, and never negative.
      if (at >= end || factor >= MOST_FACTOR) return -1;
      const byte = bytes[at] ?? 0;
      seconds += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    at++;
    if (seconds > MAX_SECONDS) return -1;
  }
  if (at === end) return seconds * 1000;
  const nanos = bytes[at] === 0x10 ? int32Filling(bytes, at + 1, end) : undefined;
  if (nanos === undefined || nanos < 0 || nanos > 999_999_999) return -1;
  return seconds * 1000 + Math.floor(nanos / 1e6);
}
