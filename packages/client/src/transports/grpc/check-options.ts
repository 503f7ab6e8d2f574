import { CeBrokerError } from 'ce-broker-proto';
import { checkOptionNames, type OptionNames } from '../known-options.js';
import { type GrpcOptionNames, type GrpcOptions, type KeepAliveConfig, optionNames } from './grpc-options.js';
import { parseTarget } from './target.js';

const OPTIONS: OptionNames<GrpcOptions> = Object.freeze({
  type: true,
  url: true,
  caFile: true,
  caData: true,
  clientCertFile: true,
  clientCertData: true,
  clientKeyFile: true,
  clientKeyData: true,
  tokenFile: true,
  token: true,
  plainTextToken: true,
  keepAliveConfig: true,
  serverHealthinessTimeoutMs: true,
  connectTimeoutMs: true,
  maxReceiveBytes: true,
  watchIntervalMs: true,
  extension: true,
  names: true,
  logger: true,
});
const KEEP_ALIVE: OptionNames<KeepAliveConfig> = Object.freeze({
  enable: true,
  timeMs: true,
  timeoutMs: true,
  permitWithoutStream: true,
});
const NAMES: OptionNames<GrpcOptionNames> = Object.freeze({
  url: true,
  ca: true,
  clientCert: true,
  clientKey: true,
  token: true,
});

/** What can be told wrong at once: options that there are not, and a `url` that is none. Throws `invalid_option`. */
export function checkGrpcOptions(options: GrpcOptions): void {
  checkOptionNames(options, OPTIONS);
  checkOptionNames(options.keepAliveConfig, KEEP_ALIVE, 'keepAliveConfig');
  checkOptionNames(options.names, NAMES, 'names');
  const { extension } = options;
  if (extension !== undefined && extension !== 'auto' && extension !== 'off') {
    const message = `extension must be 'auto' or 'off', not ${String(extension)}`;
    throw new CeBrokerError('invalid_option', message, { field: 'extension' });
  }
  parseTarget(options.url, optionNames(options).url);
}
