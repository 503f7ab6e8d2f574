import type { CloudEventTransport } from 'ce-broker-proto';
import type {
  CloudEventsAgentOptions,
  CloudEventsOptions,
  CloudEventsSourceOptions,
  ConnectContext,
  EventRateLimit,
} from '../cloud-events-options.js';
import { checkGrpcOptions } from './check-options.js';
import { CredentialSource } from './credential-source.js';
import type { GrpcOptions } from './grpc-options.js';

/**
 * Opens one connection, which is nobody else's (Go: `GRPCOptions.GetGRPCClientConn` with `GetCloudEventsProtocol`), and resolves
 * when the server has answered. The files are read now. Rejects with a CeBrokerError that says what is wrong, which option to look at
 * (`field`), and what to do: `unavailable`, `deadline_exceeded` or `cancelled`; `failed_precondition`, `unauthenticated`, `invalid_option`
 * or `unreadable_file` where somebody has to change something.
 */
export async function connectGrpc(
  options: GrpcOptions,
  context?: Partial<ConnectContext>,
): Promise<CloudEventTransport> {
  checkGrpcOptions(options);
  return dial(options, context, new CredentialSource(options));
}

/**
 * Clients over gRPC. Throws `invalid_option` for a `url` that is none or has no port, and for an option that there is not; files are
 * read by `check`, and anew at each connection.
 */
export function grpcOptions(options: GrpcOptions): CloudEventsOptions {
  checkGrpcOptions(options);
  const source = new CredentialSource(options);
  return Object.freeze({
    server: `grpc ${options.url}`,
    heartbeatTimeoutMs: options.serverHealthinessTimeoutMs,
    connect: (context: ConnectContext) => dial(options, context, source),
    check: async () => {
      await source.load();
    },
  });
}

/** A source over gRPC (Go: `grpc.NewSourceOptions`). */
export function grpcSourceOptions(
  options: GrpcOptions,
  sourceId: string,
  rateLimit?: EventRateLimit,
): CloudEventsSourceOptions {
  return Object.freeze({ cloudEventsOptions: grpcOptions(options), sourceId, rateLimit });
}

/** An agent over gRPC (Go: `grpc.NewAgentOptions`). */
export function grpcAgentOptions(
  options: GrpcOptions,
  clusterName: string,
  agentId: string,
  rateLimit?: EventRateLimit,
): CloudEventsAgentOptions {
  return Object.freeze({ cloudEventsOptions: grpcOptions(options), clusterName, agentId, rateLimit });
}

/** Loads gRPC at the first connection: who uses another transport never pays for it. */
async function dial(
  options: GrpcOptions,
  context: Partial<ConnectContext> | undefined,
  source: CredentialSource,
): Promise<CloudEventTransport> {
  const { dialGrpc } = await import('./dial-grpc.js');
  return dialGrpc(options, context, source);
}
