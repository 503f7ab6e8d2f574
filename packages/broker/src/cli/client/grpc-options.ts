import type { GrpcOptions } from 'ce-broker-client';
import type { Logger } from 'ce-broker-proto';
import { type ConnectionFlags, connectionSettings } from './connection-options.js';

/** Whatever a server sends: other publishers may write more than the 4 MiB that Go's clients take. */
export const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;

/**
 * The flags of a connection as the client takes them; messages call the options by their flags. Throws `invalid_option` and
 * `unreadable_file`, as {@link connectionSettings}; the client reads the files again at each connection.
 */
export function grpcOptionsOf(flags: ConnectionFlags, logger?: Logger): GrpcOptions {
  const { server } = connectionSettings(flags);
  return {
    url: server,
    caFile: flags.ca,
    clientCertFile: flags.cert,
    clientKeyFile: flags.key,
    tokenFile: flags.tokenFile,
    // To this machine only: the settings have been checked.
    plainTextToken: flags.ca === undefined,
    maxReceiveBytes: MAX_RECEIVE_BYTES,
    logger,
    names: {
      url: '--server',
      ca: '--ca',
      clientCert: '--cert',
      clientKey: '--key',
      token: '--token-file',
    },
  };
}
