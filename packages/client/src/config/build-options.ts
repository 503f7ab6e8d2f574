import { CeBrokerError } from 'ce-broker-proto';
import type {
  CloudEventsAgentOptions,
  CloudEventsSourceOptions,
  EventRateLimit,
} from '../transports/cloud-events-options.js';
import { grpcAgentOptions, grpcSourceOptions } from '../transports/grpc/grpc-events-options.js';
import type { GrpcOptions } from '../transports/grpc/grpc-options.js';
import { laterType, unknownType } from './config-loader.js';
import { CONFIG_TYPE_GRPC } from './config-type.js';

/** What can be made into options: for gRPC. `type` tells the kind; without it, it is gRPC. Other kinds are refused by name. */
export type ConnectionConfig = GrpcOptions | { readonly type: string };

/** What the builders take beside the connection. */
export interface BuildOptions {
  /** Default 50 events per second, 100 at once. */
  readonly rateLimit?: EventRateLimit | undefined;
}

/**
 * Options of a source from a configuration: `{ url: '127.0.0.1:8090' }`, or what a {@link ConfigLoader} read (Go:
 * `generic.BuildCloudEventsSourceOptions`). `clientId` is for MQTT alone. Throws `invalid_option` for a `url` that is none or a kind
 * that there is not, `unimplemented` for one that comes later.
 */
export function buildCloudEventsSourceOptions(
  config: ConnectionConfig,
  _clientId: string,
  sourceId: string,
  options: BuildOptions = {},
): CloudEventsSourceOptions {
  return grpcSourceOptions(grpc(config), sourceId, options.rateLimit);
}

/** As {@link buildCloudEventsSourceOptions}, for an agent; `clientId` is its agent id (Go: `generic.BuildCloudEventsAgentOptions`). */
export function buildCloudEventsAgentOptions(
  config: ConnectionConfig,
  clusterName: string,
  clientId: string,
  options: BuildOptions = {},
): CloudEventsAgentOptions {
  return grpcAgentOptions(grpc(config), clusterName, clientId, options.rateLimit);
}

function grpc(config: ConnectionConfig): GrpcOptions {
  const { type = CONFIG_TYPE_GRPC } = config;
  if (type !== CONFIG_TYPE_GRPC) {
    throw laterType(type) ?? unknownType('unsupported client configuration type', type);
  }
  if (isGrpc(config)) return config;
  throw new CeBrokerError('invalid_option', "url is required: HOST:PORT of the server's gRPC port", {
    field: 'url',
  });
}

function isGrpc(config: ConnectionConfig): config is GrpcOptions {
  return 'url' in config && typeof config.url === 'string';
}
