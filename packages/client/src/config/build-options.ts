import type {
  CloudEventsAgentOptions,
  CloudEventsSourceOptions,
  EventRateLimit,
} from '../transports/cloud-events-options.js';
import { grpcAgentOptions, grpcSourceOptions } from '../transports/grpc/grpc-events-options.js';
import type { GrpcOptions } from '../transports/grpc/grpc-options.js';
import { checkOptionNames, type OptionNames } from '../transports/known-options.js';
import { laterType, unknownType } from './config-loader.js';
import { CONFIG_TYPE_GRPC } from './config-type.js';

/** What can be made into options: for gRPC. `type` tells the kind; without it, it is gRPC. Other kinds are refused by name. */
export type ConnectionConfig = GrpcOptions | { readonly type: string };

/** What the builders take beside the connection. */
export interface BuildOptions {
  /** Default 50 events per second, 100 at once. */
  readonly rateLimit?: EventRateLimit | undefined;
}

const BUILD_OPTIONS: OptionNames<BuildOptions> = Object.freeze({ rateLimit: true });

/**
 * Options of a source from a configuration: `{ url: '127.0.0.1:8090' }`, or what a {@link ConfigLoader} read (Go:
 * `generic.BuildCloudEventsSourceOptions`). `clientId` is for MQTT alone. Throws `invalid_option` for a `url` that is none, and
 * for an option or a kind that there is not, `unimplemented` for one that comes later.
 */
export function buildCloudEventsSourceOptions(
  config: ConnectionConfig,
  _clientId: string,
  sourceId: string,
  options: BuildOptions = {},
): CloudEventsSourceOptions {
  checkOptionNames(options, BUILD_OPTIONS);
  return grpcSourceOptions(grpc(config), sourceId, options.rateLimit);
}

/** As {@link buildCloudEventsSourceOptions}, for an agent; `clientId` is its agent id (Go: `generic.BuildCloudEventsAgentOptions`). */
export function buildCloudEventsAgentOptions(
  config: ConnectionConfig,
  clusterName: string,
  clientId: string,
  options: BuildOptions = {},
): CloudEventsAgentOptions {
  checkOptionNames(options, BUILD_OPTIONS);
  return grpcAgentOptions(grpc(config), clusterName, clientId, options.rateLimit);
}

function grpc(config: ConnectionConfig): GrpcOptions {
  const type = config?.type ?? CONFIG_TYPE_GRPC;
  if (type !== CONFIG_TYPE_GRPC) {
    throw laterType(type) ?? unknownType('unsupported client configuration type', type);
  }
  // What it lacks, or has too much, the options over gRPC tell.
  return config as GrpcOptions;
}
