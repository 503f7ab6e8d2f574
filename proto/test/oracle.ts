import { createRequire } from 'node:module';
import type { AttributeValue, Event, EventData } from 'ce-broker-proto';
import { createEvent } from 'ce-broker-proto';

/**
 * Google's own runtime reads and writes CloudEvent messages here by nothing but the field numbers of the .proto file
 * (docs/adr/0002-google-protobuf-is-an-oracle.md). The package has no types: these are the parts used.
 */
interface Reader {
  nextField(): boolean;
  isEndGroup(): boolean;
  getFieldNumber(): number;
  skipField(): void;
  readString(): string;
  readBool(): boolean;
  readInt32(): number;
  readBytes(): Uint8Array;
}
interface Writer {
  writeString(field: number, value: string): void;
  writeBool(field: number, value: boolean): void;
  writeInt32(field: number, value: number): void;
  writeBytes(field: number, value: Uint8Array): void;
  getResultBuffer(): Uint8Array;
}
interface TimestampMessage {
  getSeconds(): number;
  getNanos(): number;
  setSeconds(value: number): void;
  setNanos(value: number): void;
  serializeBinary(): Uint8Array;
}
interface AnyMessage {
  getTypeUrl(): string;
  getValue_asU8(): Uint8Array;
  setTypeUrl(value: string): void;
  setValue(value: Uint8Array): void;
  serializeBinary(): Uint8Array;
}
interface MessageClass<T> {
  new (): T;
  deserializeBinary(bytes: Uint8Array): T;
}

const require = createRequire(import.meta.url);
const jspb = require('google-protobuf') as {
  BinaryReader: new (bytes: Uint8Array) => Reader;
  BinaryWriter: new () => Writer;
};
const { Timestamp } = require('google-protobuf/google/protobuf/timestamp_pb.js') as {
  Timestamp: MessageClass<TimestampMessage>;
};
const { Any } = require('google-protobuf/google/protobuf/any_pb.js') as { Any: MessageClass<AnyMessage> };

/** The fields of a message, each read by the reader's function of its number. */
function each(bytes: Uint8Array, visit: (field: number, reader: Reader) => void): void {
  const reader = new jspb.BinaryReader(bytes);
  while (reader.nextField() && !reader.isEndGroup()) visit(reader.getFieldNumber(), reader);
}

/** An event in binary mode with canonical names, as Google's runtime reads it. */
export function oracleDecode(bytes: Uint8Array): Event {
  const strings = ['', '', '', '', ''];
  const attributes = new Map<string, AttributeValue>();
  let data: EventData | undefined;
  each(bytes, (field, reader) => {
    if (field <= 4) strings[field] = reader.readString();
    else if (field === 5) readEntry(reader.readBytes(), attributes);
    else if (field === 6) data = { kind: 'binary', value: reader.readBytes() };
    else if (field === 7) data = { kind: 'text', value: reader.readString() };
    else {
      const any = Any.deserializeBinary(reader.readBytes());
      data = { kind: 'proto', typeUrl: any.getTypeUrl(), value: any.getValue_asU8() };
    }
  });
  const take = (name: string) => {
    const value = attributes.get(name);
    attributes.delete(name);
    return value;
  };
  const text = (name: string) => {
    const value = take(name);
    return value?.kind === 'string' ? value.value : undefined;
  };
  const time = take('ce-time');
  return createEvent({
    id: strings[1] ?? '',
    source: strings[2] ?? '',
    specVersion: strings[3] === '0.3' ? '0.3' : '1.0',
    type: strings[4] ?? '',
    time: time?.kind === 'timestamp' ? time.value : undefined,
    subject: text('ce-subject'),
    dataSchema: text('ce-dataschema'),
    dataContentType: text('contenttype'),
    extensions: [...attributes].map(([name, value]) => [name.replace('ce-', ''), value] as const),
    data,
  });
}

/** The same event written by Google's runtime. */
export function oracleEncode(event: Event): Uint8Array {
  const writer = new jspb.BinaryWriter();
  writer.writeString(1, event.id);
  writer.writeString(2, event.source);
  writer.writeString(3, event.specVersion);
  writer.writeString(4, event.type);
  const string = (value: string): AttributeValue => ({ kind: 'string', value });
  if (event.dataContentType !== undefined) writeEntry(writer, 'contenttype', string(event.dataContentType));
  if (event.dataSchema !== undefined) writeEntry(writer, 'ce-dataschema', string(event.dataSchema));
  if (event.subject !== undefined) writeEntry(writer, 'ce-subject', string(event.subject));
  if (event.time !== undefined) writeEntry(writer, 'ce-time', { kind: 'timestamp', value: event.time });
  for (const [name, value] of event.extensions) writeEntry(writer, `ce-${name}`, value);
  if (event.data?.kind === 'binary') writer.writeBytes(6, event.data.value);
  if (event.data?.kind === 'text') writer.writeString(7, event.data.value);
  if (event.data?.kind === 'proto') {
    const any = new Any();
    any.setTypeUrl(event.data.typeUrl);
    any.setValue(event.data.value);
    writer.writeBytes(8, any.serializeBinary());
  }
  return writer.getResultBuffer();
}

function readEntry(bytes: Uint8Array, attributes: Map<string, AttributeValue>): void {
  let key = '';
  let value: AttributeValue | undefined;
  each(bytes, (field, reader) => {
    if (field === 1) key = reader.readString();
    else each(reader.readBytes(), (kind, inner) => (value = readValue(kind, inner)));
  });
  if (value !== undefined) attributes.set(key, value);
}

function readValue(kind: number, reader: Reader): AttributeValue {
  if (kind === 1) return { kind: 'boolean', value: reader.readBool() };
  if (kind === 2) return { kind: 'integer', value: reader.readInt32() };
  if (kind === 3) return { kind: 'string', value: reader.readString() };
  if (kind === 4) return { kind: 'bytes', value: reader.readBytes() };
  if (kind === 5) return { kind: 'uri', value: reader.readString() };
  if (kind === 6) return { kind: 'uriRef', value: reader.readString() };
  const timestamp = Timestamp.deserializeBinary(reader.readBytes());
  return { kind: 'timestamp', value: { seconds: timestamp.getSeconds(), nanos: timestamp.getNanos() } };
}

function writeEntry(writer: Writer, name: string, value: AttributeValue): void {
  const inner = new jspb.BinaryWriter();
  if (value.kind === 'boolean') inner.writeBool(1, value.value);
  else if (value.kind === 'integer') inner.writeInt32(2, value.value);
  else if (value.kind === 'bytes') inner.writeBytes(4, value.value);
  else if (value.kind === 'timestamp') {
    const timestamp = new Timestamp();
    timestamp.setSeconds(value.value.seconds);
    timestamp.setNanos(value.value.nanos);
    inner.writeBytes(7, timestamp.serializeBinary());
  } else inner.writeString({ string: 3, uri: 5, uriRef: 6 }[value.kind], value.value);
  const entry = new jspb.BinaryWriter();
  entry.writeString(1, name);
  entry.writeBytes(2, inner.getResultBuffer());
  writer.writeBytes(5, entry.getResultBuffer());
}
