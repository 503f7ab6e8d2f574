import { CeBrokerError, decodeSubscriptionRequest } from 'ce-broker-proto';
import type { Identity } from '../access/identity.js';
import type { BrokerCore, PublishCall } from '../core/index.js';
import type { RpcMethods, ServerStream, UnaryCall } from '../rpc/index.js';
import type { Envelope } from '../wire/envelope.js';
import { clipStatus } from './clip.js';
import type { Clock } from './clock.js';
import { MeteredCall } from './metered-call.js';
import type { NoteLog } from './notes.js';
import { type Peers, refuseOtherRole } from './peers.js';
import type { StreamPressure } from './stream-pressure.js';
import { SubscriptionOutlet } from './subscription.js';
import type { Traffic } from './traffic.js';

export const PUBLISH_PATH = '/io.cloudevents.v1.CloudEventService/Publish';
export const SUBSCRIBE_PATH = '/io.cloudevents.v1.CloudEventService/Subscribe';

/** How long the Publishes in flight on a refused connection may still be answered. */
const END_GRACE_MS = 2_000;

/** Refusals that no later attempt can change: they end the stream only, and its connection lives on. */
const FINAL: ReadonlySet<string> = new Set(['invalid_argument', 'permission_denied']);

export interface MethodParts {
  readonly core: BrokerCore;
  readonly clock: Clock;
  readonly peers: Peers;
  readonly traffic: Traffic;
  readonly notes: NoteLog;
  /** All subscriptions that are open. */
  readonly open: Set<SubscriptionOutlet>;
  readonly pressure: StreamPressure;
  readonly streamBufferBytes: number;
  readonly newId: () => string;
  readonly maxMessageBytes: number;
  readonly maxSubscriptionsPerConnection: number;
}

/** The CloudEventService of the Go SDK, in bytes, over any engine. */
export function cloudEventMethods(parts: MethodParts): RpcMethods {
  return {
    [PUBLISH_PATH]: { kind: 'unary', handle: (call, request) => publish(parts, call, request) },
    [SUBSCRIBE_PATH]: { kind: 'server-stream', open: (stream, request) => subscribe(parts, stream, request) },
  };
}

function publish(parts: MethodParts, call: UnaryCall, request: Uint8Array): void {
  const { clock, notes, traffic } = parts;
  const began = clock.now();
  const metered = new MeteredCall(call, clock, traffic, began);
  notes.peer = call.peer.address;
  try {
    publishOne(parts, metered, request, parts.peers.of(call).identity, began);
  } catch (thrown) {
    const error = CeBrokerError.from(thrown, 'internal');
    noteRefusal(parts, error, call.peer.address);
    metered.fail(error.grpcCode, error.message);
  } finally {
    notes.peer = undefined;
    metered.event = undefined;
  }
}

/** A Publish that remembers what it is about while it is being handled. */
export interface KnownCall extends PublishCall {
  readonly event: Envelope | undefined;
}

/** One event on its way into the core; `notes.peer` says who sent it. Throws a CeBrokerError for one that is too large. */
export function publishOne(
  { core, maxMessageBytes, notes }: MethodParts,
  call: KnownCall,
  request: Uint8Array,
  identity: Identity,
  now: number,
): void {
  // An engine of ours has looked at the size already; a server of the user's own has its own limit.
  if (request.byteLength > maxMessageBytes) throw tooLarge(request.byteLength, maxMessageBytes);
  if (!notes.saysWithoutEffect) {
    core.publish(call, request, identity, now);
    return;
  }
  const { counters } = core.view;
  const { duplicates, stale } = counters;
  core.publish(call, request, identity, now);
  if (call.event === undefined) return;
  if (counters.stale > stale) notes.withoutEffect(call.event, 'stale');
  else if (counters.duplicates > duplicates) notes.withoutEffect(call.event, 'duplicate');
}

function subscribe(parts: MethodParts, stream: ServerStream, bytes: Uint8Array): void {
  const { core, clock, traffic } = parts;
  let tally = traffic.unknown;
  try {
    const request = decodeSubscriptionRequest(bytes);
    tally = traffic.of(request.clusterName, request.dataType);
    tally.subscriptions += 1;
    const peer = parts.peers.of(stream);
    refuseOtherRole(peer.identity, request.clusterName);
    if (peer.subscriptions >= parts.maxSubscriptionsPerConnection)
      throw tooManySubscriptions(parts.maxSubscriptionsPerConnection);
    const outlet = new SubscriptionOutlet(stream, peer, parts, tally);
    stream.listener = outlet;
    try {
      outlet.begin(core.subscribe(outlet, request, peer.identity, clock.now()), parts.newId());
    } catch (thrown) {
      refuse(parts, outlet, stream, thrown);
    }
  } catch (thrown) {
    tally.end(CeBrokerError.from(thrown, 'internal').grpcCode);
    refuse(parts, stream, stream, thrown);
  }
}

export type Endable = Pick<ServerStream, 'end' | 'endConnection'>;

/** Older Go clients come back only when their connection ends, so every refusal that may pass ends it. */
export function refuse(parts: MethodParts, target: Endable, stream: ServerStream, thrown: unknown): void {
  const error = CeBrokerError.from(thrown, 'internal');
  noteRefusal(parts, error, stream.peer.address);
  const text = clipStatus(error.message);
  if (FINAL.has(error.code)) target.end(error.grpcCode, text);
  else target.endConnection(error.grpcCode, text, END_GRACE_MS);
}

export function noteRefusal({ core, notes }: MethodParts, error: CeBrokerError, peer: string): void {
  core.view.counters.count(core.view.counters.refused, error.code);
  notes.refused({ code: error.code, message: error.message, peer });
}

export function tooLarge(bytes: number, limit: number): CeBrokerError {
  return new CeBrokerError(
    'resource_exhausted',
    `the request has ${bytes} bytes; this broker takes ${limit} (maxMessageBytes)`,
  );
}

export function tooManySubscriptions(limit: number): CeBrokerError {
  return new CeBrokerError(
    'resource_exhausted',
    `this connection has ${limit} subscriptions open, and may have no more (maxSubscriptionsPerConnection)`,
  );
}
