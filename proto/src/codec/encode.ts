import { CeBrokerError } from '../errors.js';
import type { AttributeValue, Event } from '../event.js';
import { MAX_TIMESTAMP_SECONDS, type Timestamp } from '../timestamp.js';
import { isGoUrl } from './go-rules.js';
import { WireWriter } from './wire-writer.js';

const RESERVED = new Set([
  'id',
  'source',
  'type',
  'specversion',
  'time',
  'subject',
  'datacontenttype',
  'dataschema',
]);

/**
 * Writes an event as the SDK's gRPC binding does (Go: `WritePBMessage`): attributes under `ce-<name>`, the content type
 * under `contenttype`, each value in the field of its kind, map entries sorted by key. Data is written as the kind that
 * it has; Go reads binary data only. Where Go drops an integer over 32 bits without a word, this is an error. Throws
 * `invalid_argument` with the field named.
 */
export function encodeEvent(event: Event): Buffer {
  const data = event.data;
  const size = data === undefined ? 0 : data.value.length;
  const writer = new WireWriter(512 + size);
  text(writer, 1, event.id, 'id');
  text(writer, 2, event.source, 'source');
  text(writer, 3, event.specVersion, 'spec_version');
  text(writer, 4, event.type, 'type');
  for (const [name, value] of wireAttributes(event)) {
    const entry = new WireWriter(64).stringField(1, name, name);
    writer.bytesField(5, entry.bytesField(2, encodeValue(value, name)).finish());
  }
  if (data?.kind === 'binary') writer.bytesField(6, data.value);
  else if (data?.kind === 'text') writer.stringField(7, data.value, 'text_data');
  else if (data?.kind === 'proto') {
    const any = new WireWriter(data.value.length + 128);
    text(any, 1, data.typeUrl, 'proto_data.type_url');
    if (data.value.length > 0) any.bytesField(2, data.value);
    writer.bytesField(8, any.finish());
  }
  return writer.finish();
}

function wireAttributes(event: Event): [string, AttributeValue][] {
  const entries: [string, AttributeValue][] = [];
  if (event.dataContentType !== undefined) {
    entries.push(['contenttype', { kind: 'string', value: event.dataContentType }]);
  }
  if (event.dataSchema !== undefined) {
    const name = event.specVersion === '0.3' ? 'ce-schemaurl' : 'ce-dataschema';
    entries.push([name, { kind: 'string', value: event.dataSchema }]);
  }
  if (event.subject !== undefined) entries.push(['ce-subject', { kind: 'string', value: event.subject }]);
  if (event.time !== undefined) entries.push(['ce-time', { kind: 'timestamp', value: event.time }]);
  for (const [name, value] of event.extensions) {
    if (!/^[a-z0-9]+$/.test(name) || RESERVED.has(name)) {
      throw new CeBrokerError(
        'invalid_argument',
        `extension ${JSON.stringify(name)}: the name must be lower-case letters and digits, and not one of CloudEvents' own`,
        { field: name },
      );
    }
    entries.push([`ce-${name}`, value]);
  }
  return entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}

/** The bytes of a CloudEventAttributeValue. */
export function encodeValue(value: AttributeValue, name: string): Buffer {
  const writer = new WireWriter(32);
  switch (value.kind) {
    case 'boolean':
      return writer
        .varint(8)
        .varint(value.value ? 1 : 0)
        .finish();
    case 'integer':
      if (!Number.isInteger(value.value) || value.value > 0x7fffffff || value.value < -0x80000000) {
        throw new CeBrokerError(
          'invalid_argument',
          `${name}: ${value.value} is not a whole number of 32 bits`,
          { field: name },
        );
      }
      return writer.varint(16).signed(value.value).finish();
    case 'string':
      return writer.stringField(3, value.value, name).finish();
    case 'bytes':
      return writer.bytesField(4, value.value).finish();
    case 'uri':
      return writer.stringField(5, uri(value.value, name), name).finish();
    case 'uriRef':
      return writer.stringField(6, uri(value.value, name), name).finish();
    case 'timestamp':
      return writer.bytesField(7, encodeTimestamp(value.value, name)).finish();
  }
}

function encodeTimestamp(value: Timestamp, name: string): Buffer {
  const { seconds, nanos } = value;
  const valid =
    Number.isInteger(seconds) &&
    Math.abs(seconds) <= MAX_TIMESTAMP_SECONDS &&
    Number.isInteger(nanos) &&
    nanos >= 0 &&
    nanos < 1e9;
  if (!valid)
    throw new CeBrokerError('invalid_argument', `${name}: the timestamp is out of range`, { field: name });
  const writer = new WireWriter(24);
  if (seconds !== 0) writer.varint(8).signed(seconds);
  if (nanos !== 0) writer.varint(16).varint(nanos);
  return writer.finish();
}

function uri(text: string, name: string): string {
  if (isGoUrl(text)) return text;
  throw new CeBrokerError('invalid_argument', `${name}: ${JSON.stringify(text.slice(0, 100))} is not a URI`, {
    field: name,
  });
}

function text(writer: WireWriter, field: number, value: string, name: string): void {
  if (value !== '') writer.stringField(field, value, name);
}
