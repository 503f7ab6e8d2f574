import type { RpcMethod } from '../engine.js';
import type { Composer } from './composer.js';
import type { Offender } from './offences.js';
import type { StreamHost } from './streams/owner.js';

/** A connection, as far as its engine writes for it. */
export interface HostedConnection {
  flush(): void;
  destroy(): void;
}

/** What a connection needs of its engine. */
export interface ConnectionHost extends StreamHost {
  readonly methods: ReadonlyMap<string, RpcMethod>;
  readonly composer: Composer;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** The connection has something to write: `flush` is called at the end of the turn, or earlier. */
  schedule(connection: HostedConnection): void;
  /** So many bytes came and were handled: after a lot of them what is due is written at once. */
  wasRead(bytes: number): void;
  offended(offender: Offender): void;
  closed(connection: HostedConnection): void;
}
