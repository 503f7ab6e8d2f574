import type { RpcMethod } from '../engine.js';

const TYPES = {
  unary: 'unary',
  'server-stream': 'serverStream',
  'bidi-stream': 'bidi',
} as const;

/** What grpc-js calls a kind of method. */
export function handlerType(method: RpcMethod): (typeof TYPES)[RpcMethod['kind']] {
  return TYPES[method.kind];
}
