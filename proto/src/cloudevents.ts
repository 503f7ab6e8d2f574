/**
 * Between our {@link Event} and the `CloudEvent` class of the `cloudevents` package, which codecs take and give. A module
 * of its own (`ce-broker-proto/cloudevents`), because that package is heavy to load.
 */
import { CloudEvent } from 'cloudevents';
import { CeBrokerError } from './errors.js';
import { type AttributeValue, createEvent, type Event, type EventData, eventDataBytes } from './event.js';
import { formatRfc3339, parseRfc3339, timestampFromDate } from './timestamp.js';

/** The kinds of extension values that a plain JavaScript value does not tell. */
export type ExtensionKinds = Readonly<Record<string, AttributeValue['kind']>>;

/** What the SDK writes under these names, whatever form the value has here. */
const KNOWN_KINDS: ExtensionKinds = Object.freeze({ deletiontimestamp: 'timestamp' });

const STANDARD = new Set([
  'id',
  'source',
  'type',
  'specversion',
  'time',
  'subject',
  'datacontenttype',
  'dataschema',
  'schemaurl',
  'datacontentencoding',
  'data',
  'data_base64',
]);

/**
 * As a CloudEvent (made with `strict: false`). JSON data is parsed, text becomes a string, all else stays bytes. URIs and
 * timestamps become strings, for the class knows no others. It gives an event without a time the present time.
 * Throws `invalid_argument` when the data is not the JSON that its content type promises.
 */
export function toCloudEvent(event: Event): CloudEvent<unknown> {
  const properties: Record<string, unknown> = {};
  for (const [name, value] of event.extensions) {
    if (!STANDARD.has(name)) properties[name] = plain(value);
  }
  properties['id'] = event.id;
  properties['source'] = event.source;
  properties['type'] = event.type;
  properties['specversion'] = event.specVersion;
  if (event.time !== undefined) properties['time'] = formatRfc3339(event.time);
  if (event.subject !== undefined) properties['subject'] = event.subject;
  if (event.dataContentType !== undefined) properties['datacontenttype'] = event.dataContentType;
  if (event.dataSchema !== undefined) {
    properties[event.specVersion === '0.3' ? 'schemaurl' : 'dataschema'] = event.dataSchema;
  }
  const data = plainData(event);
  if (data !== undefined) properties['data'] = data;
  return new CloudEvent<unknown>(properties, false);
}

/**
 * From a CloudEvent. Strings, booleans, whole numbers of 32 bits, Dates and byte arrays keep their kind;
 * `deletiontimestamp` becomes a timestamp, and `kinds` says the kind of further extensions (a URI, say). Data is written as
 * bytes: strings as UTF-8 (as JSON where the content type is JSON), objects as JSON. Throws `invalid_argument` naming the attribute.
 */
export function fromCloudEvent(event: CloudEvent<unknown>, kinds: ExtensionKinds = {}): Event {
  const extensions = new Map<string, AttributeValue>();
  for (const [name, value] of Object.entries(event)) {
    if (STANDARD.has(name) || value === undefined || value === null) continue;
    extensions.set(name, typed(name, value, kinds[name] ?? KNOWN_KINDS[name]));
  }
  const version = event.specversion;
  if (version !== '1.0' && version !== '0.3') throw wrong('specversion', 'must be "1.0" or "0.3"');
  const time = event.time === undefined ? undefined : parseRfc3339(event.time);
  if (event.time !== undefined && time === undefined) throw wrong('time', 'must be RFC 3339 text');
  return createEvent({
    id: text('id', event.id),
    source: text('source', event.source),
    type: text('type', event.type),
    specVersion: version,
    time,
    subject: event.subject,
    dataSchema: version === '0.3' ? event.schemaurl : event.dataschema,
    dataContentType: event.datacontenttype,
    extensions,
    data: typedData(event),
  });
}

function plain(value: AttributeValue): unknown {
  return value.kind === 'timestamp' ? formatRfc3339(value.value) : value.value;
}

function plainData(event: Event): unknown {
  const bytes = eventDataBytes(event);
  if (bytes === undefined || event.data?.kind === 'proto') return bytes;
  const type = mediaType(event.dataContentType);
  const content = () => Buffer.from(bytes).toString('utf8');
  if (isJson(type)) {
    // An event of no bytes has no JSON: a deletion, mostly.
    if (bytes.length === 0) return undefined;
    try {
      return JSON.parse(content());
    } catch (cause) {
      throw new CeBrokerError('invalid_argument', `data: not the JSON that ${type} promises`, {
        field: 'data',
        cause,
      });
    }
  }
  return event.data?.kind === 'text' || type.startsWith('text/') ? content() : bytes;
}

function typedData(event: CloudEvent<unknown>): EventData | undefined {
  const data = event.data;
  if (data === undefined) return undefined;
  if (data instanceof Uint8Array) return { kind: 'binary', value: data };
  if (typeof data === 'string' && !isJson(mediaType(event.datacontenttype))) {
    return { kind: 'binary', value: Buffer.from(data, 'utf8') };
  }
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    throw new CeBrokerError('invalid_argument', 'data: cannot be written as JSON', { field: 'data', cause });
  }
  if (json === undefined) throw wrong('data', 'cannot be written as JSON');
  return { kind: 'binary', value: Buffer.from(json, 'utf8') };
}

function typed(name: string, value: unknown, kind: AttributeValue['kind'] | undefined): AttributeValue {
  if (value instanceof Date) return { kind: 'timestamp', value: timestampFromDate(value) };
  if (value instanceof Uint8Array) return { kind: 'bytes', value };
  if (typeof value === 'boolean') return { kind: 'boolean', value };
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value <= 0x7fffffff && value >= -0x80000000)
      return { kind: 'integer', value };
    throw wrong(name, 'must be a whole number of 32 bits; write a larger one as a string');
  }
  if (typeof value !== 'string') throw wrong(name, 'must be a string, a number, a boolean, a Date or bytes');
  if (kind === 'uri' || kind === 'uriRef') return { kind, value };
  if (kind !== 'timestamp') return { kind: 'string', value };
  const time = parseRfc3339(value);
  if (time === undefined) throw wrong(name, 'must be RFC 3339 text');
  return { kind: 'timestamp', value: time };
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function isJson(type: string): boolean {
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json');
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw wrong(name, 'must be a string');
}

function wrong(name: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `${name} ${what}`, { field: name });
}
