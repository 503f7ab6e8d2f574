import type { Timestamp } from './timestamp.js';

/** The value of a CloudEvents attribute, with its kind: what a plain JavaScript value cannot tell. */
export type AttributeValue =
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** A whole number of 32 bits. */
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'uri'; readonly value: string }
  | { readonly kind: 'uriRef'; readonly value: string }
  | { readonly kind: 'timestamp'; readonly value: Timestamp };

/** The data of an event: bytes, text, or a protobuf message (google.protobuf.Any). Go reads only bytes. */
export type EventData =
  | { readonly kind: 'binary'; readonly value: Uint8Array }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'proto'; readonly typeUrl: string; readonly value: Uint8Array };

/** A CloudEvent as the broker and the clients hold it inside: kinds of values are kept, times are exact. */
export interface Event {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly specVersion: '1.0' | '0.3';
  readonly time: Timestamp | undefined;
  readonly subject: string | undefined;
  readonly dataSchema: string | undefined;
  readonly dataContentType: string | undefined;
  /** Extension attributes by name: lower-case letters and digits, without the `ce-` of the wire. */
  readonly extensions: ReadonlyMap<string, AttributeValue>;
  readonly data: EventData | undefined;
}

/** The attributes that every event has; all else is optional in {@link createEvent}. */
export type EventInit = Pick<Event, 'id' | 'source' | 'type'> &
  Partial<Omit<Event, 'extensions'>> & {
    readonly extensions?: Iterable<readonly [string, AttributeValue]> | undefined;
  };

/** An event with every property present: specVersion `1.0`, no extensions and no data unless given. */
export function createEvent(init: EventInit): Event {
  return {
    id: init.id,
    source: init.source,
    type: init.type,
    specVersion: init.specVersion ?? '1.0',
    time: init.time,
    subject: init.subject,
    dataSchema: init.dataSchema,
    dataContentType: init.dataContentType,
    extensions: new Map(init.extensions ?? []),
    data: init.data,
  };
}

/** The data as bytes: text as UTF-8, a protobuf message as its encoded value; undefined when there is none. */
export function eventDataBytes(event: Event): Uint8Array | undefined {
  const data = event.data;
  if (data === undefined) return undefined;
  return data.kind === 'text' ? Buffer.from(data.value, 'utf8') : data.value;
}
