import type { CeBrokerError } from './errors.js';
import type { WatchPoint } from './extension/watch-point.js';

/**
 * The seam between clients and what carries their events: gRPC, the broker in the same process, later MQTT, Kafka and
 * Pub/Sub. An event is an encoded CloudEvent message (`encodeEvent`, `decodeEvent`); a transport neither decodes nor
 * changes it, and it may be shared: neither side writes into it after handing it over.
 */
export interface CloudEventTransport {
  /**
   * Publishes one event. Resolves when the broker has acknowledged it; rejects with a CeBrokerError that has the
   * broker's code, `unavailable` when the connection was lost before the answer, `cancelled` or `deadline_exceeded`
   * when the caller gave up (the event may have been taken all the same).
   */
  publish(event: Uint8Array, options?: TransportPublishOptions): Promise<void>;

  /**
   * Opens a subscription. Resolves once the broker has registered it: from then on nothing that is published for it is
   * missed until it closes. Events may arrive before the promise's continuation runs. Rejects with a CeBrokerError,
   * and then the listener is never called. One transport carries any number of subscriptions.
   */
  subscribe(
    request: TransportSubscribeRequest,
    listener: TransportListener,
    options?: TransportSubscribeOptions,
  ): Promise<TransportSubscription>;

  /**
   * Hears when this transport should be replaced by a fresh one: once, or never. Calls and subscriptions that are under way end
   * for themselves. A transport without this method tells the loss of its connection only through its subscriptions.
   */
  onEnd?(listener: (end: TransportEnd) => void): void;

  /** Ends all subscriptions (`cancelled`), and lets go of what the transport holds. Never rejects; idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Why a transport should be replaced. */
export interface TransportEnd {
  /** `lost`: the connection is gone. `renew`: it works, but what it was opened with (a certificate, a token) has been replaced. */
  readonly kind: 'lost' | 'renew';
  readonly error: CeBrokerError;
}

/** What a subscriber wants. A cluster name makes it an agent, otherwise a source; one of the two must be given. */
export interface TransportSubscribeRequest {
  /** The source id; empty for an agent. */
  readonly source: string;
  /** The cluster name; empty for a source. */
  readonly clusterName: string;
  /** `<group>.<version>.<resource>`; empty means every data type. */
  readonly dataType: string;
}

/** Called as events come in. What a listener throws is a defect of the listener: the subscription ends `internal`. */
export interface TransportListener {
  /** One message, heartbeats included (`isHeartbeat`). Called in order, never after `closed`; its result is ignored. */
  event(event: Uint8Array): void;
  /** Where the broker says so: everything that was missed before this subscription has been handed over. At most once. */
  caughtUp?(): void;
  /** Where the broker can resume: where to, once everything that was handed over until now has been handled. */
  reached?(point: WatchPoint): void;
  /** What `memory` asked for cannot be resumed, and why; everything comes again. Deletions that were missed meanwhile do not. */
  restarted?(reason: string): void;
  /**
   * The subscription has ended: called exactly once. Undefined when its own `close` or its signal ended it, otherwise
   * why: `unavailable` for a lost connection or a broker that goes away, `resource_exhausted` when this subscriber
   * was too slow, or the code of the broker's refusal.
   */
  closed(error: CeBrokerError | undefined): void;
}

/** A subscription that is open, or was. */
export interface TransportSubscription extends AsyncDisposable {
  /** The broker's name for this subscription (`subscription-id`). */
  readonly id: string;
  /** Stops the flow: at most what is already on its way is still delivered. The broker converges meanwhile. */
  pause(): void;
  /** Lets it flow again. */
  resume(): void;
  /** Ends it; resolves after the listener's `closed`. Never rejects; idempotent. */
  close(): Promise<void>;
}

/** How long a caller waits for the acknowledgement of an event. */
export interface TransportPublishOptions {
  /** Gives up waiting for the acknowledgement. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up after this many milliseconds; no limit unless given. */
  readonly timeoutMs?: number | undefined;
}

/** How long a caller waits for a subscription, and how long it stands. */
export interface TransportSubscribeOptions {
  /** Ends the subscription, or the attempt to open it. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up opening after this many milliseconds; no limit unless given. */
  readonly timeoutMs?: number | undefined;
  /**
   * What the caller keeps from one connection to the next, always for the same request. Where the broker can resume, the transport
   * notes in it how far the listener has come, and begins there: what was missed is delivered, the newest of each resource once.
   */
  readonly memory?: SubscriptionMemory | undefined;
  /**
   * What only a Watch of the extension service can do, with a `memory`. Where there is none the subscription is refused as
   * `unimplemented`, never opened without it.
   */
  readonly watch?: TransportWatch | undefined;
}

/** How a Watch differs from a plain subscription. */
export interface TransportWatch {
  /** Instead of the request's data type; none: every one. */
  readonly dataTypes?: readonly string[] | undefined;
  /** For an agent: only resources of these sources; none: of every one. */
  readonly sources?: readonly string[] | undefined;
  /** For a source: only resources on these clusters; none: on every one. */
  readonly clusters?: readonly string[] | undefined;
  /** A memory without a point begins with the newest event of every resource, rather than with what is published from now on. */
  readonly everything?: boolean | undefined;
}

/** How far a subscriber has come; empty at first. Only transports look inside. */
export interface SubscriptionMemory {
  point?: WatchPoint | undefined;
  /** Positions beyond the point that the listener has had. */
  seen?: Set<number> | undefined;
}
