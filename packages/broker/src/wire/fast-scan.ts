import { isUtf8 } from 'node:buffer';
import { parseInt64, parseRfc3339, timestampToMillis } from 'ce-broker-proto';
import type { Envelope, EventType, VersionState } from './envelope.js';
import type { EventTypes } from './event-types.js';
import {
  isOtherExtension,
  isPlainSource,
  isTrimmed,
  KEYS,
  lengthAt,
  readLength,
  uniqueString,
} from './fast-scan-bytes.js';
import { InternedStrings, isAscii, latin1, same } from './interned-strings.js';
import { KnownEntries, type RepeatingAttribute } from './known-entries.js';

// Value kinds by their tag in CloudEventAttributeValue.
const BOOLEAN = 0x08;
const INTEGER = 0x10;
const STRING = 0x1a;
const BYTES = 0x22;
const TIMESTAMP = 0x3a;

const MAX_SECONDS = 8.64e12;

const STRUCTURED_PREFIX = 'application/cloudevents';

/**
 * One pass over a message that looks as the SDKs write it. `scan` answers undefined for anything else, valid or not: it
 * accepts only what the full decoder would accept, with the same result (a property test holds the two together).
 * Throws only for an event type that does not parse.
 */
export class FastScan {
  readonly #types: EventTypes;
  readonly #strings = new InternedStrings();
  readonly #entries = new KnownEntries();
  // The last ones that passed their checks: nearly always the next ones too.
  #lastSource: string | undefined;
  #lastTypeName = '';
  #lastType: EventType | undefined;

  // Results of the helpers below, kept in fields so that nothing is allocated per attribute.
  #position = 0;
  #start = 0;
  #integer = 0;
  #seconds = 0;
  #nanos = 0;
  #repeating: RepeatingAttribute | undefined;

  // The envelope under construction.
  #cluster: string | undefined;
  #originalSource: string | undefined;
  #resourceId: string | undefined;
  #version = 0n;
  #versionState: VersionState = 'absent';
  #deleting = false;
  #deletedAt = 0;
  #time = 0;
  #sequenceId: string | undefined;
  #statusHash: string | undefined;
  #hasMetadata = false;
  #contentType: string | undefined;

  constructor(types: EventTypes) {
    this.#types = types;
  }

  scan(bytes: Buffer): Envelope | undefined {
    this.#reset();
    const end = bytes.length;
    let id: string | undefined;
    let source: string | undefined;
    let typeName: string | undefined;
    let versionSeen = false;
    let attributes = 0;
    let dataStart = 0;
    let dataEnd = 0;
    let pos = 0;
    while (pos < end) {
      const tag = bytes[pos];
      const start = readLength(bytes, pos + 1, end);
      if (start < 0) return undefined;
      const length = lengthAt(bytes, pos + 1);
      const stop = start + length;
      if (stop > end) return undefined;
      switch (tag) {
        case 0x0a:
          id = uniqueString(bytes, start, stop);
          if (id === undefined) return undefined;
          break;
        case 0x12:
          source = this.#strings.get(bytes, start, stop);
          if (source === undefined) return undefined;
          break;
        case 0x1a:
          versionSeen =
            length === 3 && bytes[start] === 0x31 && bytes[start + 1] === 0x2e && bytes[start + 2] === 0x30;
          if (!versionSeen) return undefined;
          break;
        case 0x22:
          typeName = this.#strings.get(bytes, start, stop);
          if (typeName === undefined) return undefined;
          break;
        case 0x2a:
          if (!this.#attribute(bytes, start, stop)) return undefined;
          attributes++;
          break;
        case 0x3a:
          if (!isUtf8(bytes.subarray(start, stop))) return undefined;
          dataStart = start;
          dataEnd = stop;
          break;
        case 0x32:
          dataStart = start;
          dataEnd = stop;
          break;
        default:
          return undefined;
      }
      pos = stop;
    }
    if (!versionSeen || attributes === 0) return undefined;
    if (id === undefined || source === undefined || typeName === undefined) return undefined;
    if (!isTrimmed(id)) return undefined;
    if (source !== this.#lastSource) {
      if (!isPlainSource(source)) return undefined;
      this.#lastSource = source;
    }
    if (typeName !== this.#lastTypeName) {
      if (!isTrimmed(typeName)) return undefined;
      this.#lastType = this.#types.get(typeName);
      this.#lastTypeName = typeName;
    }
    const type = this.#lastType;
    if (type === undefined) return undefined;
    return {
      bytes,
      id,
      source,
      type,
      cluster: this.#cluster,
      originalSource: this.#originalSource,
      resourceId: this.#resourceId,
      version: this.#version,
      versionState: this.#versionState,
      deleting: this.#deleting,
      deletedAt: this.#deletedAt,
      time: this.#time,
      sequenceId: this.#sequenceId,
      statusHash: this.#statusHash,
      hasMetadata: this.#hasMetadata,
      contentType: this.#contentType,
      dataStart,
      dataEnd,
    };
  }

  #reset(): void {
    this.#cluster = undefined;
    this.#originalSource = undefined;
    this.#resourceId = undefined;
    this.#version = 0n;
    this.#versionState = 'absent';
    this.#deleting = false;
    this.#deletedAt = 0;
    this.#time = 0;
    this.#sequenceId = undefined;
    this.#statusHash = undefined;
    this.#hasMetadata = false;
    this.#contentType = undefined;
  }

  /** One map entry: key, then value, with nothing before, between or behind. */
  #attribute(bytes: Buffer, start: number, end: number): boolean {
    const known = this.#entries.find(bytes, start, end);
    if (known === undefined) return this.#newAttribute(bytes, start, end);
    switch (known.name) {
      case 'cluster':
        this.#cluster = known.text;
        break;
      case 'originalSource':
        this.#originalSource = known.text;
        break;
      case 'contentType':
        this.#contentType = known.text;
        break;
      default:
    }
    return true;
  }

  #newAttribute(bytes: Buffer, start: number, end: number): boolean {
    const keyLength = bytes[start + 1] ?? 0x80;
    const keyStart = start + 2;
    const keyEnd = keyStart + keyLength;
    if (bytes[start] !== 0x0a || keyLength >= 0x80 || keyEnd >= end || bytes[keyEnd] !== 0x12) return false;
    const valueStart = readLength(bytes, keyEnd + 1, end);
    if (valueStart < 0 || valueStart + lengthAt(bytes, keyEnd + 1) !== end || valueStart >= end) return false;
    const kind = bytes[valueStart] ?? 0;
    if (!this.#value(bytes, kind, valueStart + 1, end)) return false;
    this.#repeating = undefined;
    if (!this.#assign(bytes, keyStart, keyLength, kind, end)) return false;
    if (this.#repeating !== undefined)
      this.#entries.add(bytes, start, end, this.#repeating, this.#repeatingText());
    return true;
  }

  #repeatingText(): string | undefined {
    switch (this.#repeating) {
      case 'cluster':
        return this.#cluster;
      case 'originalSource':
        return this.#originalSource;
      default:
        return this.#repeating === 'contentType' ? this.#contentType : undefined;
    }
  }

  /** Checks one value that fills the rest of its entry, and leaves what it holds in the fields. */
  #value(bytes: Buffer, kind: number, at: number, end: number): boolean {
    switch (kind) {
      case STRING:
      case BYTES:
        this.#start = readLength(bytes, at, end);
        return this.#start >= 0 && this.#start + lengthAt(bytes, at) === end;
      case INTEGER:
      case BOOLEAN:
        return (
          this.#varint(bytes, at, end) && this.#position === end && (kind === INTEGER || this.#integer >= 0)
        );
      case TIMESTAMP: {
        const start = readLength(bytes, at, end);
        return start >= 0 && start + lengthAt(bytes, at) === end && this.#timestamp(bytes, start, end);
      }
      default:
        return false;
    }
  }

  /** A varint that is an int32, ordinarily written: up to five bytes, or ten of a negative number. */
  #varint(bytes: Buffer, at: number, end: number): boolean {
    let value = 0;
    for (let index = 0, factor = 1; index < 5; index++, factor *= 0x80) {
      const byte = at + index < end ? (bytes[at + index] ?? 0) : 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.#integer = value;
        this.#position = at + index + 1;
        return value <= 0x7fffffff && this.#position <= end;
      }
    }
    // Negative: bits 31 to 63 must all be set.
    if (at + 10 > end || bytes[at + 9] !== 1) return false;
    for (let index = 5; index < 9; index++) if (bytes[at + index] !== 0xff) return false;
    if (value < 0x780000000) return false;
    this.#integer = value - 0x800000000;
    this.#position = at + 10;
    return true;
  }

  /** Seconds, then nanoseconds; both optional. */
  #timestamp(bytes: Buffer, start: number, end: number): boolean {
    this.#seconds = 0;
    this.#nanos = 0;
    let at = start;
    if (at < end && bytes[at] === 0x08) {
      let seconds = 0;
      let factor = 1;
      for (at++; ; at++, factor *= 0x80) {
        // Six bytes hold 42 bits: enough for the year 141,000, and never negative.
        const byte = at < end && factor < 2 ** 42 ? (bytes[at] ?? 0) : undefined;
        if (byte === undefined) return false;
        seconds += (byte & 0x7f) * factor;
        if (byte < 0x80) break;
      }
      at++;
      if (seconds > MAX_SECONDS) return false;
      this.#seconds = seconds;
    }
    if (at < end && bytes[at] === 0x10) {
      if (!this.#varint(bytes, at + 1, end) || this.#integer < 0 || this.#integer > 999_999_999) return false;
      this.#nanos = this.#integer;
      at = this.#position;
    }
    return at === end;
  }

  /** Gives a checked value its place in the envelope; false sends the message to the full decoder. */
  #assign(bytes: Buffer, key: number, keyLength: number, kind: number, end: number): boolean {
    switch (keyLength) {
      case 7:
        if (same(KEYS.time, bytes, key, keyLength)) {
          if (kind === TIMESTAMP) this.#time = this.#millis();
          return kind === TIMESTAMP;
        }
        break;
      case 10:
        // Checked for its kind only; blank ones are as good as any here.
        if (same(KEYS.subject, bytes, key, keyLength)) return kind === STRING && this.#isText(bytes, end);
        break;
      case 11:
        if (same(KEYS.contentType, bytes, key, keyLength)) return this.#assignContentType(bytes, kind, end);
        if (same(KEYS.metadata, bytes, key, keyLength)) {
          this.#hasMetadata = true;
          return kind === STRING && this.#isText(bytes, end);
        }
        break;
      case 13:
        // Tell these apart by a byte in which all differ, before comparing the whole key.
        if (bytes[key + 4] === 0x6f && same(KEYS.logTracing, bytes, key, keyLength)) {
          this.#repeating = 'none';
          return kind === STRING && this.#isText(bytes, end);
        }
        if (same(KEYS.resourceId, bytes, key, keyLength)) {
          if (kind === STRING) this.#resourceId = uniqueString(bytes, this.#start, end);
          return kind === STRING && this.#resourceId !== undefined;
        }
        if (same(KEYS.sequenceId, bytes, key, keyLength)) {
          if (kind === STRING) this.#sequenceId = uniqueString(bytes, this.#start, end);
          return kind === STRING && this.#sequenceId !== undefined;
        }
        if (same(KEYS.statusHash, bytes, key, keyLength)) {
          if (kind === STRING) this.#statusHash = uniqueString(bytes, this.#start, end);
          return kind === STRING && this.#statusHash !== undefined;
        }
        break;
      case 14:
        if (same(KEYS.clusterName, bytes, key, keyLength)) {
          this.#repeating = 'cluster';
          if (kind === STRING) this.#cluster = this.#strings.get(bytes, this.#start, end);
          return kind === STRING && this.#cluster !== undefined;
        }
        break;
      case 17:
        if (same(KEYS.originalSource, bytes, key, keyLength)) {
          this.#repeating = 'originalSource';
          if (kind === STRING) this.#originalSource = this.#strings.get(bytes, this.#start, end);
          return kind === STRING && this.#originalSource !== undefined;
        }
        break;
      case 18:
        if (same(KEYS.resourceVersion, bytes, key, keyLength)) return this.#assignVersion(bytes, kind, end);
        break;
      case 20:
        if (same(KEYS.deletionTimestamp, bytes, key, keyLength))
          return this.#assignDeletion(bytes, kind, end);
        break;
    }
    return isOtherExtension(bytes, key, keyLength) && (kind !== STRING || this.#isText(bytes, end));
  }

  #assignContentType(bytes: Buffer, kind: number, end: number): boolean {
    if (kind !== STRING) return false;
    const text = this.#strings.get(bytes, this.#start, end);
    if (text === undefined || !isTrimmed(text) || text.startsWith(STRUCTURED_PREFIX)) return false;
    this.#repeating = 'contentType';
    this.#contentType = text;
    return true;
  }

  #assignVersion(bytes: Buffer, kind: number, end: number): boolean {
    this.#version = 0n;
    this.#versionState = 'invalid';
    if (kind === INTEGER) {
      this.#version = BigInt(this.#integer);
      this.#versionState = 'valid';
      return true;
    }
    if (kind !== STRING) return true;
    if (!isAscii(bytes, this.#start, end)) return false;
    const version = parseInt64(latin1(bytes, this.#start, end));
    if (version === undefined) return true;
    this.#version = version;
    this.#versionState = 'valid';
    return true;
  }

  #assignDeletion(bytes: Buffer, kind: number, end: number): boolean {
    this.#deleting = true;
    if (kind === TIMESTAMP) {
      this.#deletedAt = this.#millis();
      return true;
    }
    if (kind !== STRING || end - this.#start > 64) return false;
    const time = parseRfc3339(latin1(bytes, this.#start, end));
    if (time === undefined) return false;
    this.#deletedAt = timestampToMillis(time);
    return true;
  }

  #millis(): number {
    return this.#seconds * 1000 + Math.floor(this.#nanos / 1e6);
  }

  /** Whether the string value of the entry is UTF-8. */
  #isText(bytes: Buffer, end: number): boolean {
    if (end - this.#start <= 64 && isAscii(bytes, this.#start, end)) return true;
    return isUtf8(bytes.subarray(this.#start, end));
  }
}
