import { connectGrpc } from 'ce-broker-client';
import { CeBrokerError, type CloudEventTransport } from 'ce-broker-proto';
import type { ConnectionFlags } from './connection-options.js';
import { grpcOptionsOf } from './grpc-options.js';

/** Opens a connection as the flags tell. Rejects with what is wrong with them, or `unavailable` for a server that cannot be used. */
export async function connect(flags: ConnectionFlags): Promise<CloudEventTransport> {
  const options = grpcOptionsOf(flags);
  try {
    return await connectGrpc(options);
  } catch (thrown) {
    throw unusableServer(CeBrokerError.from(thrown));
  }
}

/**
 * A server that will not do (another CA, no TLS, no gRPC) is to a command what no server is, and has its exit code; to a client that tries
 * again it is not.
 */
export function unusableServer(error: CeBrokerError): CeBrokerError {
  if (error.code !== 'failed_precondition') return error;
  return new CeBrokerError('unavailable', error.message, { field: error.field, cause: error });
}
