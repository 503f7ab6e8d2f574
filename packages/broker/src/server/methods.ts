import { CeBrokerError, decodeSubscriptionRequest } from 'ce-broker-proto';
import type { BrokerCore } from '../core/index.js';
import type { RpcMethods, ServerStream, UnaryCall } from '../rpc/index.js';
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
  const { core, clock, notes, traffic } = parts;
  const began = clock.now();
  const metered = new MeteredCall(call, clock, traffic, began);
  const explain = notes.saysWithoutEffect;
  const { counters } = core.view;
  const { duplicates, stale } = counters;
  notes.peer = call.peer.address;
  try {
    const { identity } = parts.peers.of(call);
    // An engine of ours has looked at the size already; a server of the user's own has its own limit.
    if (request.byteLength > parts.maxMessageBytes) throw tooLarge(request.byteLength, parts.maxMessageBytes);
    core.publish(metered, request, identity, began);
    if (explain && metered.event !== undefined) {
      if (counters.stale > stale) notes.withoutEffect(metered.event, 'stale');
      else if (counters.duplicates > duplicates) notes.withoutEffect(metered.event, 'duplicate');
    }
  } catch (thrown) {
    const error = CeBrokerError.from(thrown, 'internal');
    noteRefusal(parts, error, call.peer.address);
    metered.fail(error.grpcCode, error.message);
  } finally {
    notes.peer = undefined;
    metered.event = undefined;
  }
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
      throw tooMany(parts.maxSubscriptionsPerConnection);
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

type Endable = Pick<ServerStream, 'end' | 'endConnection'>;

/** Older Go clients come back only when their connection ends, so every refusal that may pass ends it. */
function refuse(parts: MethodParts, target: Endable, stream: ServerStream, thrown: unknown): void {
  const error = CeBrokerError.from(thrown, 'internal');
  noteRefusal(parts, error, stream.peer.address);
  const text = clipStatus(error.message);
  if (FINAL.has(error.code)) target.end(error.grpcCode, text);
  else target.endConnection(error.grpcCode, text, END_GRACE_MS);
}

function noteRefusal({ core, notes }: MethodParts, error: CeBrokerError, peer: string): void {
  core.view.counters.count(core.view.counters.refused, error.code);
  notes.refused({ code: error.code, message: error.message, peer });
}

function tooLarge(bytes: number, limit: number): CeBrokerError {
  return new CeBrokerError(
    'resource_exhausted',
    `the request has ${bytes} bytes; this broker takes ${limit} (maxMessageBytes)`,
  );
}

function tooMany(limit: number): CeBrokerError {
  return new CeBrokerError(
    'resource_exhausted',
    `this connection has ${limit} subscriptions open, and may have no more (maxSubscriptionsPerConnection)`,
  );
}
