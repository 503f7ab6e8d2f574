import { CeBrokerError } from 'ce-broker-proto';
import type { AuthenticatorChain } from '../access/authenticator.js';
import type { SocketRpcEngine } from '../rpc/index.js';
import { formatAddress, isLoopback } from './address.js';
import { FileWatch } from './files.js';
import type { Health } from './health.js';
import type { ResolvedOptions } from './options.js';
import type { RunningBroker } from './running-broker.js';
import { loadTls, tlsPaths } from './tls-material.js';
import type { TokenSource } from './token-source.js';

/** How often certificate and token files are looked at. */
const FILE_CHECK_MS = 1_000;

export interface Around {
  readonly resolved: ResolvedOptions;
  readonly tokens: TokenSource;
  readonly chain: AuthenticatorChain;
  readonly engine: SocketRpcEngine | undefined;
  readonly health: Health | undefined;
  readonly clientCertificate: 'required' | 'optional';
}

/** What lives and ends with the broker: health, and the files that are read again when they change. */
export function accompany(broker: RunningBroker, around: Around): void {
  const { resolved, tokens, chain, engine, health, clientCertificate } = around;
  const { listen, logger, tls } = resolved;
  if (health !== undefined) broker.accompany({ draining: () => health.drain(), close: () => undefined });
  if (tokens.path !== undefined) {
    broker.accompany(
      rereading([tokens.path], resolved, 'token file', () => {
        tokens.reload();
        broker.endOutdated(chain);
      }),
    );
  }
  const paths = tls === undefined ? [] : tlsPaths(tls);
  if (tls !== undefined && engine !== undefined && paths.length > 0) {
    broker.accompany(
      rereading(paths, resolved, 'certificate', () => engine.setTls(loadTls(tls, clientCertificate))),
    );
  }
  if (listen === false || isLoopback(listen.host)) return;
  if (tls === undefined && !resolved.allowAnonymous)
    logger.warn({}, 'bearer tokens travel in plain text: set tls');
  if (resolved.allowAnonymous)
    logger.warn(
      { listen: formatAddress(listen) },
      'everybody who can reach this address may read and write everything',
    );
}

function rereading(
  paths: readonly string[],
  { logger }: ResolvedOptions,
  what: string,
  read: () => void,
): FileWatch {
  return new FileWatch(paths, FILE_CHECK_MS, () => {
    try {
      read();
      logger.info({ paths }, `${what} read again`);
    } catch (thrown) {
      logger.error(
        { paths, error: CeBrokerError.from(thrown).message },
        `${what} has changed and cannot be used: the earlier one stays`,
      );
    }
  });
}
