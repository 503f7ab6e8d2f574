import { decodeEvent, type Event, eventDataBytes, formatRfc3339 } from 'ce-broker-proto';

/** An event as the admin port shows it: its attributes, its data where it is text or JSON, and its bytes. */
export interface EventRow {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string | null;
  readonly extensions: Readonly<Record<string, unknown>>;
  /** JSON data as JSON, text as text, anything else in base64; absent for a data type whose policy says `secret`. */
  readonly data?: unknown;
  /** The encoded CloudEvent, in base64; absent for a secret type. */
  readonly encoded?: string;
}

export function eventRow(bytes: Uint8Array, secret: boolean): EventRow {
  const event = decodeEvent(bytes);
  const row: EventRow = {
    id: event.id,
    source: event.source,
    type: event.type,
    time: event.time === undefined ? null : formatRfc3339(event.time),
    extensions: Object.fromEntries(
      [...event.extensions].map(([name, { kind, value }]) => [
        name,
        kind === 'timestamp' ? formatRfc3339(value) : kind === 'bytes' ? base64(value) : value,
      ]),
    ),
  };
  return secret ? row : { ...row, data: readableData(event), encoded: base64(bytes) };
}

/** JSON data as JSON, text as text, anything else in base64; null: the event has none. */
export function readableData(event: Event): unknown {
  const bytes = eventDataBytes(event);
  if (bytes === undefined) return null;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (Buffer.byteLength(text) !== bytes.byteLength || text.includes('\uFFFD')) return base64(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
