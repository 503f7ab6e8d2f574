import { GrpcJsEngine, type SocketRpcEngine, type SocketRpcEngineOptions } from '../../../src/rpc/index.js';

/** What tests set on any engine. */
export interface EngineOptions extends SocketRpcEngineOptions {
  /** How long an ended stream may wait for its peer to read the rest before it is reset, in milliseconds. */
  readonly endLingerMs?: number;
  /** Most compressed requests that may be on their way in at once, over all connections. */
  readonly maxInflatingRequests?: number;
}

/** An engine under test; `$name` in the names of tests. */
export interface TestEngine {
  readonly name: string;
  readonly make: (options: EngineOptions) => SocketRpcEngine;
}

export const grpcJs: TestEngine = { name: 'grpc-js', make: (options) => new GrpcJsEngine(options) };

/** grpc-js when the HTTP/2 stream beneath it cannot be had. */
export const grpcJsSlow: TestEngine = {
  name: 'grpc-js without the fast way out',
  make: (options) => new GrpcJsEngine({ ...options, nativeWrites: false }),
};

export const ENGINES: readonly TestEngine[] = [grpcJs];
