import type { AttributeValue, EventData } from '../event.js';
import { MAX_TIMESTAMP_SECONDS, type Timestamp } from '../timestamp.js';
import { asBuffer, malformed, WireReader } from './wire-reader.js';

/** A CloudEvent message as it stands in the bytes, before the binding gives its attributes a meaning. */
export interface RawEvent {
  readonly id: string;
  readonly source: string;
  readonly specVersion: string;
  readonly type: string;
  /** The map as it is on the wire, names with their prefixes; the last of equal keys. */
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  readonly data: EventData | undefined;
  /** Where binary or text data lies in the bytes; both 0 when there is none. */
  readonly dataStart: number;
  readonly dataEnd: number;
}

/** Reads the protobuf layer of a CloudEvent message. Throws `invalid_argument` naming the field. */
export function readRawEvent(bytes: Uint8Array): RawEvent {
  const reader = new WireReader(asBuffer(bytes), 0, bytes.length, 'event');
  const attributes = new Map<string, AttributeValue>();
  let [id, source, specVersion, type] = ['', '', '', ''];
  let data: EventData | undefined;
  let protoSeen = false;
  let [dataStart, dataEnd] = [0, 0];
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        id = reader.string(tag, 'id');
        break;
      case 2:
        source = reader.string(tag, 'source');
        break;
      case 3:
        specVersion = reader.string(tag, 'spec_version');
        break;
      case 4:
        type = reader.string(tag, 'type');
        break;
      case 5:
        readAttribute(reader.message(tag, 'attributes'), attributes);
        break;
      case 6: {
        const value = reader.view(tag, 'binary_data');
        data = { kind: 'binary', value };
        dataEnd = reader.pos;
        dataStart = dataEnd - value.length;
        break;
      }
      case 7: {
        const value = reader.string(tag, 'text_data');
        data = { kind: 'text', value };
        dataEnd = reader.pos;
        dataStart = dataEnd - Buffer.byteLength(value);
        break;
      }
      case 8:
        // A second one would be merged by some readers and replace the first in others.
        if (protoSeen) throw malformed('proto_data', 'given twice');
        protoSeen = true;
        data = readAny(reader.message(tag, 'proto_data'));
        dataStart = dataEnd = 0;
        break;
      default:
        reader.skip(tag);
    }
  }
  return { id, source, specVersion, type, attributes, data, dataStart, dataEnd };
}

function readAttribute(entry: WireReader, attributes: Map<string, AttributeValue>): void {
  const start = entry.pos;
  // The key may stand behind the value: it is read first, so that an error in the value can name it.
  let key: string | undefined;
  let values = 0;
  while (!entry.done) {
    const tag = entry.tag();
    if (tag >>> 3 === 1) {
      if (key !== undefined) throw malformed('attributes', 'an entry with two keys');
      key = entry.string(tag, 'attributes (key)');
    } else {
      if (tag >>> 3 === 2) values++;
      entry.skip(tag);
    }
  }
  const name = key ?? '';
  const where = name === '' ? 'attributes (empty key)' : name;
  if (values > 1) throw malformed(where, 'an entry with two values');
  entry.pos = start;
  let value: AttributeValue | undefined;
  while (!entry.done) {
    const tag = entry.tag();
    if (tag >>> 3 === 2) value = readValue(entry.message(tag, where));
    else entry.skip(tag);
  }
  if (value === undefined) throw malformed(where, 'no value is set');
  attributes.set(name, value);
}

function readValue(reader: WireReader): AttributeValue | undefined {
  const where = reader.where;
  let value: AttributeValue | undefined;
  let timestampSeen = false;
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        value = { kind: 'boolean', value: reader.bool(tag, where) };
        break;
      case 2:
        value = { kind: 'integer', value: reader.int32(tag, where) };
        break;
      case 3:
        value = { kind: 'string', value: reader.string(tag, where) };
        break;
      case 4:
        value = { kind: 'bytes', value: reader.view(tag, where) };
        break;
      case 5:
        value = { kind: 'uri', value: reader.string(tag, where) };
        break;
      case 6:
        value = { kind: 'uriRef', value: reader.string(tag, where) };
        break;
      case 7:
        if (timestampSeen) throw malformed(where, 'two timestamps');
        timestampSeen = true;
        value = { kind: 'timestamp', value: readTimestamp(reader.message(tag, where)) };
        break;
      default:
        reader.skip(tag);
    }
  }
  return value;
}

function readTimestamp(reader: WireReader): Timestamp {
  const where = reader.where;
  let seconds = 0;
  let nanos = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) seconds = Number(reader.int64(tag, where));
    else if (tag >>> 3 === 2) nanos = reader.int32(tag, where);
    else reader.skip(tag);
  }
  if (Math.abs(seconds) > MAX_TIMESTAMP_SECONDS) throw malformed(where, 'timestamp is out of range');
  if (nanos < 0 || nanos > 999_999_999) throw malformed(where, 'nanoseconds must be 0 to 999999999');
  return { seconds, nanos };
}

function readAny(reader: WireReader): EventData {
  let typeUrl = '';
  let value: Uint8Array = Buffer.alloc(0);
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) typeUrl = reader.string(tag, 'proto_data.type_url');
    else if (tag >>> 3 === 2) value = reader.view(tag, 'proto_data.value');
    else reader.skip(tag);
  }
  return { kind: 'proto', typeUrl, value };
}
