import { channel } from 'node:diagnostics_channel';
import { type CloudEventsDataType, type Event, Extension, type SubResource } from 'ce-broker-proto';

/**
 * The channels of `node:diagnostics_channel` on which every client of the process tells what it does: `subscribe(name, listener)`
 * there. Without a subscriber nothing is made and nothing is read.
 */
export const DiagnosticsChannel = Object.freeze({
  /** {@link ResyncMessage}: a resync request was answered, well or badly. */
  resync: 'ce-broker-client:resync',
  /** {@link EventMessage}: the server has taken an event. */
  sent: 'ce-broker-client:sent',
  /** {@link EventMessage}: an event came in. */
  received: 'ce-broker-client:received',
  /** {@link ReconnectedMessage}: a subscription stands again. */
  reconnected: 'ce-broker-client:reconnected',
});

/** Which of the two clients tells. */
export type ClientRole = 'source' | 'agent';

/** A resync request was answered. */
export interface ResyncMessage {
  /** `spec`: a source answered an agent; `status`: an agent answered a source. */
  readonly kind: SubResource;
  readonly source: string;
  readonly cluster: string;
  readonly dataType: string;
  /** From the question to the last answer. */
  readonly seconds: number;
}

/** An event went out, or came in. */
export interface EventMessage {
  /** Of the client that tells, which is not always who wrote the event. */
  readonly role: ClientRole;
  /** The event's `source`. */
  readonly source: string;
  readonly dataType: string;
  readonly subResource: SubResource;
  readonly action: string;
  /** The event's `clustername`; empty when it has none. */
  readonly cluster: string;
  /** The event's `originalsource`, when it has one that is not empty. */
  readonly originalSource?: string | undefined;
}

/** A client is there again. */
export interface ReconnectedMessage {
  /** The source id or the agent id. */
  readonly clientId: string;
}

/** A parsed event type, in either form. */
export interface EventKind {
  readonly dataType: CloudEventsDataType | string;
  readonly subResource: SubResource;
  readonly action: string;
}

const resync = channel(DiagnosticsChannel.resync);
const sent = channel(DiagnosticsChannel.sent);
const received = channel(DiagnosticsChannel.received);
const reconnected = channel(DiagnosticsChannel.reconnected);

export function tellResync(
  kind: SubResource,
  source: string,
  cluster: string,
  dataType: CloudEventsDataType | string,
  seconds: number,
): void {
  if (!resync.hasSubscribers) return;
  resync.publish({ kind, source, cluster, dataType: String(dataType), seconds } satisfies ResyncMessage);
}

export function tellSent(role: ClientRole, event: Event, kind: EventKind): void {
  if (sent.hasSubscribers) sent.publish(messageOf(role, event, kind));
}

export function tellReceived(role: ClientRole, event: Event, kind: EventKind): void {
  if (received.hasSubscribers) received.publish(messageOf(role, event, kind));
}

export function tellReconnected(clientId: string): void {
  if (reconnected.hasSubscribers) reconnected.publish({ clientId } satisfies ReconnectedMessage);
}

function messageOf(role: ClientRole, event: Event, kind: EventKind): EventMessage {
  return {
    role,
    source: event.source,
    dataType: String(kind.dataType),
    subResource: kind.subResource,
    action: kind.action,
    cluster: stringOf(event, Extension.clusterName) ?? '',
    originalSource: stringOf(event, Extension.originalSource) || undefined,
  };
}

function stringOf(event: Event, name: string): string | undefined {
  const value = event.extensions.get(name);
  return value?.kind === 'string' ? value.value : undefined;
}
