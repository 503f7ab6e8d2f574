import type { CloudEventsDataType, CloudEventsType, Event } from 'ce-broker-proto';
import type { CloudEvent } from 'cloudevents';
import type { ResourceObject } from './resource.js';

/**
 * Between a resource and its CloudEvent, for one data type (Go: `generic.Codec`). Takes and gives the class of the `cloudevents`
 * package; where exact kinds of attributes matter (a URI, a timestamp in nanoseconds), or speed does, write an {@link EventCodec}.
 */
export interface Codec<T extends ResourceObject> {
  /** Which resources it is for (Go: `EventDataType`). */
  readonly dataType: CloudEventsDataType;
  /** `source` is the source id, or the agent id for a status. What it throws, `publish` rejects with, unchanged. */
  encode(source: string, eventType: CloudEventsType, resource: T): CloudEvent<unknown>;
  /** What it throws is reported, and the event dropped. */
  decode(event: CloudEvent<unknown>): T;
}

/** As {@link Codec}, over the exact event: what the ready codecs are. */
export interface EventCodec<T extends ResourceObject> {
  /** Which resources it is for. */
  readonly dataType: CloudEventsDataType;
  /** As {@link Codec.encode}. */
  encodeEvent(source: string, eventType: CloudEventsType, resource: T): Event;
  /** As {@link Codec.decode}. */
  decodeEvent(event: Event): T;
}

/** Either form. */
export type AnyCodec<T extends ResourceObject> = Codec<T> | EventCodec<T>;
