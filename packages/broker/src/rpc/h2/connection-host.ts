import type { RpcMethod } from '../engine.js';
import type { Composer } from './composer.js';
import type { Offender } from './offences.js';
import type { StreamHost } from './streams/owner.js';

/** A connection, as far as this file says what an engine does with it. */
interface HostedConnection {
  flush(): void;
}

/** What a connection needs of its engine. */
export interface ConnectionHost extends StreamHost {
  readonly methods: ReadonlyMap<string, RpcMethod>;
  readonly composer: Composer;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** The connection has something to write: `flush` is called at the end of the turn. */
  schedule(connection: HostedConnection): void;
  offended(offender: Offender): void;
  closed(connection: HostedConnection): void;
}
