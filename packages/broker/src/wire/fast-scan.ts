import { isUtf8 } from 'node:buffer';
import { draftEnvelope, UNREAD_TYPE } from './draft-envelope.js';
import type { Envelope } from './envelope.js';
import type { EventTypes } from './event-types.js';
import { FastAttributes } from './fast-attributes.js';
import {
  isPlainSource,
  isTrimmed,
  isVersion1,
  lengthAt,
  sizeOfLength,
  uniqueString,
} from './fast-scan-bytes.js';
import { InternedStrings } from './interned-strings.js';
import { KnownHeads } from './known-heads.js';

// The fields of a CloudEvent by their tags.
const ID = 0x0a;
const SOURCE = 0x12;
const SPEC_VERSION = 0x1a;
const TYPE = 0x22;
const ATTRIBUTE = 0x2a;
const BINARY_DATA = 0x32;
const TEXT_DATA = 0x3a;

/**
 * One pass over a message that looks as the SDKs write it. `scan` answers undefined for anything else, valid or not: it
 * accepts only what the full decoder would accept, with the same result (a property test holds the two together).
 * Throws only for an event type that does not parse.
 */
export class FastScan {
  readonly #types: EventTypes;
  readonly #strings = new InternedStrings();
  readonly #heads = new KnownHeads();
  readonly #attributes = new FastAttributes(this.#strings);

  constructor(types: EventTypes) {
    this.#types = types;
  }

  /** The envelope of the event that reaches from `begin` to the end of `bytes`. */
  scan(bytes: Buffer, begin = 0): Envelope | undefined {
    const draft = draftEnvelope(bytes);
    const end = bytes.length;
    let typeName: string | undefined;
    let versionSeen = false;
    let attributeSeen = false;
    // Where the two were read, when they were read one by one.
    let sourceAt = -1;
    let typeAt = -1;
    let pos = begin;
    while (pos < end) {
      const tag = bytes[pos];
      const head = tag === SOURCE ? this.#heads.find(bytes, pos) : undefined;
      if (head !== undefined) {
        draft.source = head.source;
        draft.type = head.type;
        typeName = undefined;
        sourceAt = -1;
        versionSeen = true;
        pos += head.bytes.length;
        continue;
      }
      let length = bytes[pos + 1] ?? 0x80;
      let start = pos + 2;
      if (length >= 0x80) {
        length = lengthAt(bytes, pos + 1);
        if (length < 0) return undefined;
        start = pos + 1 + sizeOfLength(length);
      }
      const stop = start + length;
      if (stop > end) return undefined;
      switch (tag) {
        case ATTRIBUTE:
          if (!this.#attributes.read(draft, bytes, start, stop)) return undefined;
          attributeSeen = true;
          break;
        case ID: {
          const id = uniqueString(bytes, start, stop);
          if (id === undefined || !isTrimmed(id)) return undefined;
          draft.id = id;
          break;
        }
        case SOURCE: {
          const source = this.#strings.get(bytes, start, stop);
          if (source === undefined || !isPlainSource(source)) return undefined;
          draft.source = source;
          sourceAt = pos;
          break;
        }
        case SPEC_VERSION:
          if (!isVersion1(bytes, start, length)) return undefined;
          versionSeen = true;
          break;
        case TYPE:
          typeName = this.#strings.get(bytes, start, stop);
          if (typeName === undefined || !isTrimmed(typeName)) return undefined;
          typeAt = pos;
          break;
        case TEXT_DATA:
          if (!isUtf8(bytes.subarray(start, stop))) return undefined;
          draft.dataStart = start - begin;
          draft.dataEnd = stop - begin;
          break;
        case BINARY_DATA:
          draft.dataStart = start - begin;
          draft.dataEnd = stop - begin;
          break;
        default:
          return undefined;
      }
      pos = stop;
    }
    if (!versionSeen || !attributeSeen || draft.id === '' || draft.source === '') return undefined;
    if (typeName !== undefined) {
      draft.type = this.#types.get(typeName);
      if (sourceAt >= 0) this.#heads.add(bytes, sourceAt, typeAt, draft.source, draft.type);
    }
    if (draft.type === UNREAD_TYPE) return undefined;
    if (begin > 0) draft.bytes = bytes.subarray(begin);
    return draft;
  }
}
