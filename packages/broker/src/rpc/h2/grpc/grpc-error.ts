import type { RpcStatus } from '../../engine.js';

/** Why a call is answered with a status other than OK before any method has seen its message. */
export class GrpcError extends Error {
  readonly code: RpcStatus;

  constructor(code: RpcStatus, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
  }
}
