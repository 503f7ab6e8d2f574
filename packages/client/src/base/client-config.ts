import type { Logger } from 'ce-broker-proto';
import type { DelayFn, ReconnectBackoffOptions } from '../backoff/reconnect-backoff.js';
import type { AnyCodec } from '../generic/codec.js';
import type { Lister, StatusHashGetter } from '../generic/lister.js';
import type { ResourceObject } from '../generic/resource.js';

/** What source and agent clients are made of, beside their connection. */
export interface ClientConfig<T extends ResourceObject> {
  /** The resources that the caller holds. It alone says which they are: what else is given here follows its type. */
  readonly lister: Lister<T>;
  /** What tells two statuses of a resource apart: a source asks for those whose hash is another one. */
  readonly statusHashGetter: StatusHashGetter<NoInfer<T>>;
  /**
   * One for each data type; of two for the same one the last counts, as in Go. At least one. A ready codec must be told its types:
   * `create<Widget>(...)`, or `jsonCodec<Spec, Status>(...)`.
   */
  readonly codecs: readonly AnyCodec<NoInfer<T>>[];
  /** Resyncs with everybody whenever the subscription stands, for the first time or again. Default `true`; Go leaves it to the caller. */
  readonly autoResync?: boolean | undefined;
  /** How long a publish waits for its answer, connection included, in milliseconds; `Infinity`: no limit, as in Go. Default 10,000. */
  readonly publishTimeoutMs?: number | undefined;
  /** How long one attempt to connect, or to subscribe, may take, in milliseconds; `Infinity`: no limit. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How long to wait before the next attempt: the numbers of a {@link reconnectBackoff}, of which each client makes its own, or a function.
   * What `reconnectBackoff()` gives holds the state of one client: never share it. Default: 1 to 2 s, doubling to at most 15 to 30 s.
   */
  readonly reconnectDelay?: DelayFn | ReconnectBackoffOptions | undefined;
  /** Received bytes, and 2 KiB for each event, that wait for handlers before the server is asked to pause. Default 16 MiB. */
  readonly maxPendingBytes?: number | undefined;
  /** Default: warnings and errors go to stderr. `SILENT` says nothing. */
  readonly logger?: Logger | undefined;
}
