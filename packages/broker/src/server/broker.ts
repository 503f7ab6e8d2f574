import type { Server } from '@grpc/grpc-js';
import type { CloudEventTransport } from 'ce-broker-proto';
import type { HostPort } from './address.js';
import type { DiscardedRow, DiscardRequest } from './custody.js';
import type { HeldRow, HoldRequest, ReleaseRequest } from './holds.js';
import type { Service, ServiceRegistration } from './service.js';
import type { BrokerStatus } from './snapshot.js';

/** Who is at the other end of an in-process transport. */
export interface InProcessOptions {
  /** Default `in-process`. */
  readonly user?: string | undefined;
  /** Default: none. */
  readonly groups?: readonly string[] | undefined;
}

/** How a broker is closed. */
export interface CloseOptions {
  /** How long calls in flight may still be answered, in milliseconds; 0: not at all. Default 9,000. */
  readonly graceMs?: number | undefined;
}

/** The broker's methods on a gRPC server of the user's own. */
export interface AttachedServer {
  /** Takes the service off the server and ends its subscriptions with UNAVAILABLE. Idempotent. */
  detach(): void;
}

/** A broker that runs. Make one with `startBroker`. */
export interface Broker extends AsyncDisposable {
  /** Where gRPC is served; undefined: it does not listen. */
  readonly address: HostPort | undefined;
  /** Where metrics, health and status are served; undefined: nowhere. */
  readonly adminAddress: HostPort | undefined;
  /** Resolves once the broker is closed. Never rejects. */
  readonly closed: Promise<void>;
  /**
   * Serves on a grpc-js `Server` of the user's own, too. Its sockets stay the user's: a subscription can be ended there, but not
   * its connection, and older Go clients come back only when that ends; message limit, keepalive, TLS, health and reflection are
   * that server's. Throws CeBrokerError `already_exists` when the server has the service already, `invalid_option` for what is no
   * such server.
   */
  attach(server: Server): AttachedServer;
  /**
   * A transport for clients in this process; each call makes a connection of its own. Throws CeBrokerError `invalid_option` for a
   * user or groups that are no names.
   */
  inProcessTransport(options?: InProcessOptions): CloudEventTransport;
  /**
   * Makes `service` the backend of a data type. Throws CeBrokerError `already_exists` when it has one, `invalid_argument` for a
   * data type of fewer than three parts, `invalid_option` for a service without its two methods.
   */
  registerService(dataType: string, service: Service): ServiceRegistration;
  /** What is held, in the order in which it was; the deletions that wait for consent come last. */
  holds(): readonly HeldRow[];
  /**
   * Pauses a cluster (what goes to its agents), a source (what it wants; statuses go on to it) or one resource (both ways). Publishes
   * are kept and acknowledged, and the newest goes out on release; types that are kept nowhere are not held. Survives a restart where the
   * store does; in force at once, and resolves when it is safe there. Rejects with CeBrokerError `already_exists`, `not_found` for an id
   * that nothing is known of, `invalid_argument`, `failed_precondition` with the store `none`, `deadline_exceeded` when the store does not
   * confirm it in time.
   */
  hold(request: HoldRequest): Promise<HeldRow>;
  /**
   * Ends holds, or consents to the deletions of a cluster that wait for it; resolves with what was held until then. Rejects with
   * CeBrokerError `not_found` when it is not held, `invalid_argument`.
   */
  release(request: ReleaseRequest): Promise<readonly HeldRow[]>;
  /**
   * Says no to deletions of a cluster that wait for consent: each resource is wanted again as its source published it last, its agents never
   * hear of the deletion, and connected sources are asked what they have. A source that asks for the same deletion again finds it held,
   * however few they are, until a `release`. Resolves once it is safe in the store. Rejects with CeBrokerError `not_found` when none wait,
   * `invalid_argument`, `failed_precondition` while massDeletion is off or another such change is under way, `unavailable` when the disk
   * did not take all of it.
   */
  discard(request: DiscardRequest): Promise<DiscardedRow>;
  /** What there is to see at this moment. */
  status(): BrokerStatus;
  /**
   * Drains and closes: new calls are refused, calls in flight are answered, connections told to go elsewhere (GOAWAY),
   * subscriptions ended with UNAVAILABLE, then everything closed. Idempotent; a later call can only hurry it.
   */
  close(options?: CloseOptions): Promise<void>;
}
