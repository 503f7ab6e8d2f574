import { parseInt64, parseRfc3339, timestampToMillis } from 'ce-broker-proto';
import { isOtherExtension, KEYS } from './attribute-keys.js';
import type { DraftEnvelope } from './draft-envelope.js';
import { isAscii, isTrimmed, latin1, lengthAt, sizeOfLength, uniqueString } from './fast-scan-bytes.js';
import { contentOf, int32Filling, isText, isValue, Kind, millisFilling } from './fast-values.js';
import type { InternedStrings } from './interned-strings.js';
import { KnownEntries } from './known-entries.js';

const STRUCTURED_PREFIX = 'application/cloudevents';

/** Reads the map entries of the attributes into the envelope; false sends the message to the full decoder. */
export class FastAttributes {
  readonly #strings: InternedStrings;
  readonly #entries = new KnownEntries();

  constructor(strings: InternedStrings) {
    this.#strings = strings;
  }

  /** One map entry: key, then value, with nothing before, between or behind. */
  read(draft: DraftEnvelope, bytes: Buffer, start: number, end: number): boolean {
    if (this.#readKnown(draft, bytes, start, end)) return true;
    const key = start + 2;
    const keyLength = bytes[start + 1] ?? 0x80;
    const keyEnd = key + keyLength;
    if (bytes[start] !== 0x0a || keyLength >= 0x80 || keyEnd >= end || bytes[keyEnd] !== 0x12) return false;
    let valueLength = bytes[keyEnd + 1] ?? 0;
    let value = keyEnd + 2;
    if (valueLength >= 0x80) {
      valueLength = lengthAt(bytes, keyEnd + 1);
      value = keyEnd + 1 + sizeOfLength(valueLength);
    }
    if (valueLength < 1 || value + valueLength !== end) return false;
    const kind = bytes[value] ?? 0;
    const content = contentOf(bytes, kind, value + 1, end);
    return content >= 0 && this.#assign(draft, bytes, start, kind, content, end);
  }

  /** An entry that was read before. */
  #readKnown(draft: DraftEnvelope, bytes: Buffer, start: number, end: number): boolean {
    const known = mayRepeat(bytes, start) ? this.#entries.find(bytes, start, end) : undefined;
    if (known === undefined) return false;
    switch (known.name) {
      case 'cluster':
        draft.cluster = known.text;
        break;
      case 'originalSource':
        draft.originalSource = known.text;
        break;
      case 'contentType':
        draft.contentType = known.text;
        break;
      default:
    }
    return true;
  }

  /** Gives a value its place in the envelope. Keys differ in their lengths, or in their fifth letter. */
  #assign(
    draft: DraftEnvelope,
    bytes: Buffer,
    start: number,
    kind: number,
    content: number,
    end: number,
  ): boolean {
    const key = start + 2;
    const keyLength = bytes[start + 1] ?? 0;
    const isString = kind === Kind.string;
    switch (keyLength) {
      case 7:
        if (!KEYS.time.fill(bytes, key, keyLength)) break;
        draft.time = kind === Kind.timestamp ? millisFilling(bytes, content, end) : -1;
        return draft.time >= 0;
      case 10:
        // Checked for its kind only; blank ones are as good as any here.
        if (!KEYS.subject.fill(bytes, key, keyLength)) break;
        return isString && isText(bytes, content, end);
      case 11:
        if (KEYS.contentType.fill(bytes, key, keyLength)) {
          const text = isString ? this.#strings.get(bytes, content, end) : undefined;
          if (text === undefined || !isTrimmed(text) || text.startsWith(STRUCTURED_PREFIX)) return false;
          draft.contentType = text;
          this.#entries.add(bytes, start, end, 'contentType', text);
          return true;
        }
        if (!KEYS.metadata.fill(bytes, key, keyLength)) break;
        draft.hasMetadata = true;
        return isString && isText(bytes, content, end);
      case 13:
        if (KEYS.resourceId.fill(bytes, key, keyLength)) {
          draft.resourceId = isString ? uniqueString(bytes, content, end) : undefined;
          return draft.resourceId !== undefined;
        }
        if (KEYS.sequenceId.fill(bytes, key, keyLength)) {
          draft.sequenceId = isString ? uniqueString(bytes, content, end) : undefined;
          return draft.sequenceId !== undefined;
        }
        if (KEYS.statusHash.fill(bytes, key, keyLength)) {
          draft.statusHash = isString ? uniqueString(bytes, content, end) : undefined;
          return draft.statusHash !== undefined;
        }
        if (!KEYS.logTracing.fill(bytes, key, keyLength)) break;
        if (!isString || !isText(bytes, content, end)) return false;
        this.#entries.add(bytes, start, end, undefined, undefined);
        return true;
      case 14:
        if (!KEYS.clusterName.fill(bytes, key, keyLength)) break;
        draft.cluster = isString ? this.#strings.get(bytes, content, end) : undefined;
        if (draft.cluster === undefined) return false;
        this.#entries.add(bytes, start, end, 'cluster', draft.cluster);
        return true;
      case 17:
        if (!KEYS.originalSource.fill(bytes, key, keyLength)) break;
        draft.originalSource = isString ? this.#strings.get(bytes, content, end) : undefined;
        if (draft.originalSource === undefined) return false;
        this.#entries.add(bytes, start, end, 'originalSource', draft.originalSource);
        return true;
      case 18:
        if (!KEYS.resourceVersion.fill(bytes, key, keyLength)) break;
        return assignVersion(draft, bytes, kind, content, end);
      case 20:
        if (!KEYS.deletionTimestamp.fill(bytes, key, keyLength)) break;
        return assignDeletion(draft, bytes, kind, content, end);
    }
    return isOtherExtension(bytes, key, keyLength) && isValue(bytes, kind, content, end);
  }
}

/** Whether the key of an entry can be one of those that are kept, by its length: the others need not be looked up. */
function mayRepeat(bytes: Uint8Array, start: number): boolean {
  const keyLength = bytes[start + 1];
  // Among those of 13 letters, logtracing has an `o` where the others have none.
  return keyLength === 13
    ? bytes[start + 6] === 0x6f
    : keyLength === 11 || keyLength === 14 || keyLength === 17;
}

function assignVersion(
  draft: DraftEnvelope,
  bytes: Buffer,
  kind: number,
  content: number,
  end: number,
): boolean {
  let version: bigint | undefined;
  if (kind === Kind.integer) {
    const integer = int32Filling(bytes, content, end);
    if (integer === undefined) return false;
    version = BigInt(integer);
  } else if (kind === Kind.string) {
    if (!isAscii(bytes, content, end)) return false;
    version = parseInt64(latin1(bytes, content, end));
  } else if (!isValue(bytes, kind, content, end)) {
    return false;
  }
  draft.version = version ?? 0n;
  draft.versionState = version === undefined ? 'invalid' : 'valid';
  return true;
}

function assignDeletion(
  draft: DraftEnvelope,
  bytes: Buffer,
  kind: number,
  content: number,
  end: number,
): boolean {
  draft.deleting = true;
  if (kind === Kind.timestamp) {
    draft.deletedAt = millisFilling(bytes, content, end);
    return draft.deletedAt >= 0;
  }
  if (kind !== Kind.string || end - content > 64) return false;
  const time = parseRfc3339(latin1(bytes, content, end));
  if (time === undefined) return false;
  draft.deletedAt = timestampToMillis(time);
  return true;
}
