import type {
  CloudEventsDataType,
  CloudEventsType,
  Event,
  SubResource,
  TransportSubscribeRequest,
} from 'ce-broker-proto';
import type { EventCodec } from '../generic/codec.js';
import type { ResourceAction, ResourceObject } from '../generic/resource.js';
import type { AnswerOut } from './answers.js';
import type { ClientRole } from './diagnostics.js';

/** What a source and an agent do differently. */
export interface Role<T extends ResourceObject> {
  readonly kind: ClientRole;
  /** The source id, or the agent id. */
  readonly id: string;
  /** In messages: `source hub`, `agent c1-agent of cluster c1`. */
  readonly name: string;
  /** What it gets resources of: a source statuses, an agent specs. */
  readonly receives: SubResource;
  /** What it is asked for: a source specs, an agent statuses. */
  readonly answers: SubResource;
  subscription(dataType: CloudEventsDataType): TransportSubscribeRequest;
  /** What a received resource means; undefined: nothing new. */
  action(
    resource: T,
    event: Event,
    dataType: CloudEventsDataType,
  ): Promise<ResourceAction | undefined> | ResourceAction;
  /** All handlers have seen it. */
  handled?(resource: T, event: Event): void;
  /** Between whom a resync request is, for the metrics. */
  parties(request: Event): { readonly source: string; readonly cluster: string };
  /** Answers a resync request. */
  answer(event: Event, dataType: CloudEventsDataType, out: AnswerOut): Promise<void>;
  /** Resyncs with everybody. */
  resync(): Promise<void>;
}

/** A received event, ready for its handlers. */
export type Delivery<T extends ResourceObject> = {
  readonly key: string;
  readonly bytes: number;
  readonly replaceable: boolean;
  readonly supersedes?: string | undefined;
  readonly event: Event;
  readonly type: CloudEventsType;
  /** Undefined: a resync request. */
  readonly codec: EventCodec<T> | undefined;
};
