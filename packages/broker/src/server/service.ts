import type { Event } from 'ce-broker-proto';
import type { Identity } from '../access/identity.js';

/** Which resources a service is asked for (Go: `types.ListOptions`). */
export interface ServiceListOptions {
  /** The cluster of the agent that asks. */
  readonly clusterName: string;
  /** The data type that the service was registered for. */
  readonly dataType: string;
  /** Aborted when the broker no longer waits for the answer. */
  readonly signal: AbortSignal;
}

/** What comes with a published event. */
export interface ServiceHandleContext {
  /** Who published the event. */
  readonly identity: Identity;
  /** Aborted when the broker no longer waits: the publisher has been told DEADLINE_EXCEEDED, or the broker closes. */
  readonly signal: AbortSignal;
}

/**
 * The backend of a data type inside the process (Go: `server.Service`). It takes what agents publish of that type, and is the
 * source of its specs.
 *
 * What it handles is its own: the broker keeps none of it. So a status that says Deleted does not end a deletion that waits in the
 * broker; the service publishes no more of that resource, and `list` leaves it out.
 */
export interface Service {
  /**
   * The newest specs of a cluster, for an agent that asks for a resync: every one that exists, with `resourceid`,
   * `resourceversion` and, for those being deleted, `deletiontimestamp`. Listed resources that are not among them are deleted at
   * the agent, unless the answer is empty.
   */
  list(options: ServiceListOptions): Iterable<Event> | Promise<Iterable<Event>>;
  /**
   * Takes one published event; the publisher's call is answered when this returns or its promise resolves, at the latest after
   * `publishTimeoutMs`. What it throws is the publisher's FAILED_PRECONDITION (see `kubernetesRefusal`).
   */
  handle(event: Event, context: ServiceHandleContext): void | Promise<void>;
}

/** A service at work. */
export interface ServiceRegistration extends AsyncDisposable {
  /** What it was registered for. */
  readonly dataType: string;
  /**
   * Sends a spec to the agents of its `clustername`; resolves once the broker has taken it. Rejects with CeBrokerError:
   * `invalid_argument` for an event of another data type, without its attributes, or that is no spec (a resync request), `permission_denied` for a resource of
   * another source.
   */
  publish(event: Event): Promise<void>;
  /** Takes the service out: publishes of its type go to subscribers again. Idempotent. */
  close(): Promise<void>;
}
