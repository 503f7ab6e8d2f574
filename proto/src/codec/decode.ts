import type { AttributeValue, Event, EventData } from '../event.js';
import { parseRfc3339, type Timestamp } from '../timestamp.js';
import { goTrim, isGoUrl } from './go-rules.js';
import { type RawEvent, readRawEvent } from './raw-event.js';
import { decodeStructured } from './structured.js';
import { malformed } from './wire-reader.js';

/** The media type whose prefix means that the data holds the whole event. */
const STRUCTURED_PREFIX = 'application/cloudevents';
const STRUCTURED_JSON = 'application/cloudevents+json';

/** Names that Go's reader would let replace the fields of the same name: refused. */
const TOP_LEVEL = new Set(['id', 'source', 'specversion', 'type']);

/** A decoded event, and what is known of its place in the bytes. */
export interface DecodedEvent {
  readonly event: Event;
  /** The event came in structured mode: it is the JSON in the data, and nothing outside of that counts. */
  readonly structured: boolean;
  /** Where the data lies in the bytes (in structured mode the whole JSON); both 0 when there is none, or an Any. */
  readonly dataStart: number;
  readonly dataEnd: number;
}

/**
 * Reads an encoded CloudEvent message as the SDK's gRPC binding does (Go: `generic/options/grpc/protocol`), structured
 * mode included. More generous than Go: text_data, proto_data and the unprefixed names of the plain CloudEvents
 * protobuf format are read. Stricter: `ce-id`, `ce-source`, `ce-type` and `ce-specversion` in the map, one name in two
 * spellings, integers over 32 bits, and everything that two protobuf runtimes would read differently are refused.
 * Throws nothing but CeBrokerError `invalid_argument`, with the field named.
 */
export function decodeEvent(bytes: Uint8Array): Event {
  return decodeEventParts(bytes).event;
}

/** As {@link decodeEvent}, with the place of the data. */
export function decodeEventParts(bytes: Uint8Array): DecodedEvent {
  const raw = readRawEvent(bytes);
  if (raw.attributes.size === 0) {
    throw malformed(
      'attributes',
      'an event needs at least one attribute, or receivers cannot tell its encoding',
    );
  }
  const contentType = raw.attributes.get('contenttype');
  if (contentType?.kind === 'string' && contentType.value.startsWith(STRUCTURED_PREFIX)) {
    return fromStructured(raw, contentType.value);
  }
  return { event: fromBinary(raw), structured: false, dataStart: raw.dataStart, dataEnd: raw.dataEnd };
}

function fromStructured(raw: RawEvent, contentType: string): DecodedEvent {
  const mediaType = goTrim((contentType.split(';', 1)[0] ?? '').toLowerCase());
  if (mediaType !== STRUCTURED_JSON) {
    throw malformed(
      'contenttype',
      `${JSON.stringify(mediaType)} is not supported; structured mode is ${STRUCTURED_JSON}`,
    );
  }
  const { dataStart, dataEnd } = raw;
  return { event: decodeStructured(structuredText(raw.data)), structured: true, dataStart, dataEnd };
}

function structuredText(data: EventData | undefined): Uint8Array {
  if (data?.kind === 'binary') return data.value;
  if (data?.kind === 'text') return Buffer.from(data.value, 'utf8');
  throw malformed('binary_data', 'structured mode without the JSON of the event');
}

function fromBinary(raw: RawEvent): Event {
  const specVersion = raw.specVersion;
  if (specVersion !== '1.0' && specVersion !== '0.3') {
    throw malformed('spec_version', `${JSON.stringify(specVersion.slice(0, 100))} must be "1.0" or "0.3"`);
  }
  const id = goTrim(raw.id);
  if (id === '' && raw.id !== '') throw malformed('id', 'blank');
  if (!isGoUrl(raw.source)) throw malformed('source', 'not a URI reference');
  const { known, extensions } = sortAttributes(
    raw.attributes,
    specVersion === '0.3' ? 'schemaurl' : 'dataschema',
  );
  const dataSchema = trimmed(readString(known, 'dataschema'));
  if (dataSchema !== undefined && !isGoUrl(dataSchema)) throw malformed('ce-dataschema', 'not a URI');
  return {
    id,
    source: raw.source,
    type: goTrim(raw.type),
    specVersion,
    time: readTime(known.get('time')),
    subject: trimmed(readString(known, 'subject')),
    dataSchema,
    dataContentType: trimmed(readString(known, 'datacontenttype')),
    extensions,
    data: raw.data,
  };
}

interface Named {
  readonly wireName: string;
  readonly value: AttributeValue;
}

/** Tells the optional attributes of CloudEvents from extensions, prefixed names first. */
function sortAttributes(attributes: ReadonlyMap<string, AttributeValue>, schemaName: string) {
  const known = new Map<string, Named>();
  const extensions = new Map<string, AttributeValue>();
  const spelling = new Map<string, string>();
  const put = (name: string, wireName: string, value: AttributeValue) => {
    const standard = standardName(name, schemaName);
    if (standard !== undefined) known.set(standard, { wireName, value });
    else extensions.set(name, value);
  };
  for (const [wireName, value] of attributes) {
    checkUri(wireName, value);
    if (!wireName.startsWith('ce-')) continue;
    const bare = wireName.slice(3);
    if (!/^[A-Za-z0-9]+$/.test(bare)) {
      throw malformed(wireName, 'attribute names must be letters and digits of ASCII');
    }
    const name = bare.toLowerCase();
    if (TOP_LEVEL.has(name))
      throw malformed(wireName, `belongs into the field of that name, not among the attributes`);
    const other = spelling.get(name);
    if (other !== undefined) throw malformed(wireName, `given twice, also as ${other}`);
    spelling.set(name, wireName);
    put(name, wireName, value);
  }
  const contentType = attributes.get('contenttype');
  if (contentType !== undefined)
    known.set('datacontenttype', { wireName: 'contenttype', value: contentType });
  // The plain CloudEvents protobuf format: unprefixed names, read where the prefixed one is absent. Names that could
  // not be attributes are ignored, as Go ignores them all.
  const plain = new Map<string, string>();
  for (const [wireName, value] of attributes) {
    if (wireName === 'contenttype' || !/^[A-Za-z0-9]+$/.test(wireName)) continue;
    const name = wireName.toLowerCase();
    const standard = standardName(name, schemaName);
    if (TOP_LEVEL.has(name) || spelling.has(name) || (standard === 'datacontenttype' && known.has(standard)))
      continue;
    const other = plain.get(name);
    if (other !== undefined) throw malformed(wireName, `given twice, also as ${other}`);
    plain.set(name, wireName);
    put(name, wireName, value);
  }
  return { known, extensions };
}

function standardName(name: string, schemaName: string): string | undefined {
  if (name === 'time' || name === 'subject' || name === 'datacontenttype') return name;
  return name === schemaName ? 'dataschema' : undefined;
}

function checkUri(wireName: string, value: AttributeValue): void {
  if ((value.kind === 'uri' || value.kind === 'uriRef') && !isGoUrl(value.value)) {
    throw malformed(wireName === '' ? 'attributes (empty key)' : wireName, 'not a URI');
  }
}

function readString(known: ReadonlyMap<string, Named>, name: string): string | undefined {
  const named = known.get(name);
  if (named === undefined) return undefined;
  if (named.value.kind === 'string') return named.value.value;
  // Go takes a string only; the plain CloudEvents protobuf format writes a data schema as a URI.
  if (named.value.kind === 'uri' && name === 'dataschema') return named.value.value;
  throw malformed(named.wireName, `of kind ${named.value.kind}; it must be a string`);
}

function trimmed(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const result = goTrim(text);
  return result === '' ? undefined : result;
}

function readTime(named: Named | undefined): Timestamp | undefined {
  if (named === undefined) return undefined;
  const { value, wireName } = named;
  const time =
    value.kind === 'timestamp'
      ? value.value
      : value.kind === 'string'
        ? parseRfc3339(value.value)
        : undefined;
  if (time === undefined) throw malformed(wireName, 'must be a timestamp, or RFC 3339 text');
  // Go's zero time (year 1) means "not set".
  return time.seconds === -62_135_596_800 && time.nanos === 0 ? undefined : time;
}
