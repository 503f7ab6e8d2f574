import type { RequestHead } from '../grpc/request-head.js';

/** The head of a request that is a gRPC call. */
export type CallHead = Extract<RequestHead, { kind: 'call' }>;
