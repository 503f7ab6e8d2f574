import { ConfigLoader, type GrpcOptions } from 'ce-broker-client';
import { CeBrokerError, type Logger } from 'ce-broker-proto';
import { type ConnectionFlags, DEFAULT_SERVER } from '../client/connection-options.js';
import { grpcOptionsOf, MAX_RECEIVE_BYTES } from '../client/grpc-options.js';
import type { Notices } from './notices.js';

/** How the long-running commands connect: by flags, or by a file that they share with programs of the SDK. */
export interface FleetConnectionFlags extends ConnectionFlags {
  readonly config?: string;
}

/** Reads what the flags name. Rejects with `invalid_option`, `invalid_config` or `unreadable_file`. */
export async function fleetConnection(
  flags: FleetConnectionFlags,
  logger: Logger,
  notices: Notices,
): Promise<GrpcOptions> {
  if (flags.config === undefined) return grpcOptionsOf(flags, logger);
  const { server, ca, cert, key, tokenFile } = flags;
  const given = Object.entries({
    '--server': server === DEFAULT_SERVER ? undefined : server,
    '--ca': ca,
    '--cert': cert,
    '--key': key,
    '--token-file': tokenFile,
  }).find(([, value]) => value !== undefined);
  if (given !== undefined) {
    throw new CeBrokerError(
      'invalid_option',
      `--config and ${given[0]} exclude each other: the file says how to connect`,
      { field: given[0] },
    );
  }
  const { config, warnings } = await new ConfigLoader('grpc', flags.config).loadConfig();
  for (const warning of warnings) notices.say(warning);
  return { ...config, maxReceiveBytes: MAX_RECEIVE_BYTES, logger };
}
