import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AttributeValue, Event } from 'ce-broker-proto';
import { createEvent, formatRfc3339, parseRfc3339 } from 'ce-broker-proto';

/** An event as the vectors describe it. */
export interface VectorEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly specversion: '1.0' | '0.3';
  readonly time: string | null;
  readonly subject: string | null;
  readonly dataschema: string | null;
  readonly datacontenttype: string | null;
  readonly extensions: Readonly<Record<string, { readonly type: string; readonly value: unknown }>>;
  readonly data?: string | null;
  readonly largeData?: {
    readonly pattern: string;
    readonly seed: number;
    readonly length: number;
    readonly sha256: string;
  };
}

/** One line of the vectors; which fields are there depends on the file. */
export interface Vector {
  readonly name: string;
  readonly sdk: readonly string[];
  readonly kind: string;
  readonly note?: string;
  readonly hex?: string;
  readonly event?: VectorEvent;
  readonly request?: { readonly source: string; readonly clusterName: string; readonly dataType: string };
  readonly bytes?: { readonly length: number; readonly sha256: string };
  readonly error?: string;
  readonly read?: { readonly event?: VectorEvent; readonly error?: string; readonly typeError?: string };
  readonly input?: unknown;
  readonly result?: unknown;
  /** The line itself, for numbers that JSON.parse would round. */
  readonly line: string;
}

export function readVectors(file: string): Vector[] {
  const url = new URL(`../../packages/e2e/vectors/${file}`, import.meta.url);
  const lines = readFileSync(url, 'utf8').trim().split('\n');
  return lines.map((line) => ({ ...(JSON.parse(line) as Omit<Vector, 'line'>), line }));
}

/** The vector's event in our form. */
export function toEvent(vector: VectorEvent): Event {
  return createEvent({
    id: vector.id,
    source: vector.source,
    type: vector.type,
    specVersion: vector.specversion,
    time: vector.time === null ? undefined : time(vector.time),
    subject: vector.subject ?? undefined,
    dataSchema: vector.dataschema ?? undefined,
    dataContentType: vector.datacontenttype ?? undefined,
    extensions: Object.entries(vector.extensions).map(
      ([name, { type, value }]) => [name, toValue(type, value)] as const,
    ),
    data: dataOf(vector),
  });
}

/** An event with all that tells two apart, in a form that a test can compare. */
export function comparable(event: Event): unknown {
  const { data, time: when, extensions, ...rest } = event;
  return {
    ...rest,
    time: when === undefined ? undefined : formatRfc3339(when),
    extensions: Object.fromEntries(
      [...extensions]
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([name, value]) => [name, plain(value)]),
    ),
    data: data === undefined ? undefined : { ...data, value: Buffer.from(data.value).toString('base64') },
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function plain(value: AttributeValue): unknown {
  if (value.kind === 'bytes') return { kind: value.kind, value: Buffer.from(value.value).toString('base64') };
  return value.kind === 'timestamp' ? { kind: value.kind, value: formatRfc3339(value.value) } : value;
}

function toValue(type: string, value: unknown): AttributeValue {
  switch (type) {
    case 'Boolean':
      return { kind: 'boolean', value: value === true };
    case 'Integer':
      return { kind: 'integer', value: Number(value) };
    case 'String':
      return { kind: 'string', value: String(value) };
    case 'Binary':
      return { kind: 'bytes', value: Buffer.from(String(value), 'base64') };
    case 'URI':
      return { kind: 'uri', value: String(value) };
    case 'URI-reference':
      return { kind: 'uriRef', value: String(value) };
    case 'Timestamp':
      return { kind: 'timestamp', value: time(String(value)) };
    default:
      throw new Error(`the vectors have a type that this test does not know: ${type}`);
  }
}

function time(text: string) {
  // The year 14645 is outside of RFC 3339, and Go prints it all the same.
  const parsed = parseRfc3339(text) ?? { seconds: Date.parse(`+0${text}`) / 1000, nanos: 0 };
  if (Number.isNaN(parsed.seconds))
    throw new Error(`the vectors have a time that this test cannot read: ${text}`);
  return parsed;
}

function dataOf(vector: VectorEvent) {
  if (vector.largeData !== undefined) return { kind: 'binary', value: largeData(vector.largeData) } as const;
  if (vector.data === null || vector.data === undefined) return undefined;
  return { kind: 'binary', value: Buffer.from(vector.data, 'base64') } as const;
}

function largeData({ pattern, seed, length, sha256: wanted }: NonNullable<VectorEvent['largeData']>): Buffer {
  const data = Buffer.alloc(length);
  for (let at = 0; at < length; at++) data[at] = byteOf(pattern, seed, at);
  if (sha256(data) !== wanted) throw new Error(`the pattern ${pattern} was not understood`);
  return data;
}

function byteOf(_pattern: string, seed: number, at: number): number {
  return (seed + 31 * at + 7 * (at >> 8)) & 0xff;
}
