import { type StatusObject, status } from '@grpc/grpc-js';
import { CeBrokerError, codeFromGrpc } from 'ce-broker-proto';

/** What the server's answer means, when it is not OK. `CANCELLED` counts as a lost call: nobody on this side gave it up. */
export function callError(server: string, { code, details }: StatusObject): CeBrokerError {
  switch (code) {
    case status.CANCELLED:
      return new CeBrokerError('unavailable', `${server} cancelled the call`, {
        cause: cause(code, details),
      });
    case status.UNIMPLEMENTED:
      return new CeBrokerError(
        'unimplemented',
        `${server} is no CloudEvents service (it answered: ${details || 'UNIMPLEMENTED'}): it must be the gRPC port of a broker`,
        { cause: cause(code, details) },
      );
    default:
      // gRPC has no status for what it cannot decompress.
      if (!Number.isInteger(code)) {
        return new CeBrokerError('internal', `${server} sent a message that cannot be read`);
      }
      return new CeBrokerError(codeFromGrpc(code), details || `${server} answered ${status[code] ?? code}`);
  }
}

/** Why a subscription ended that the server let stand until now. */
export function endError(server: string, ended: StatusObject): CeBrokerError {
  if (ended.code === status.OK) return new CeBrokerError('unavailable', `${server} ended the subscription`);
  if (ended.code === status.CANCELLED) {
    return new CeBrokerError('unavailable', `${server} cancelled the subscription`, {
      cause: cause(ended.code, ended.details),
    });
  }
  return callError(server, ended);
}

function cause(code: status, details: string): Error {
  return new Error(`${status[code]}: ${details}`);
}
