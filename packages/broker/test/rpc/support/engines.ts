import { H2Engine } from '../../../src/rpc/h2/engine.js';
import { GrpcJsEngine, type SocketRpcEngine, type SocketRpcEngineOptions } from '../../../src/rpc/index.js';

/** What tests set on any engine. */
export interface EngineOptions extends SocketRpcEngineOptions {
  /** How long an ended stream may wait for its peer to read the rest before it is reset, in milliseconds. */
  readonly endLingerMs?: number;
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

const h2: TestEngine = { name: 'h2', make: (options) => new H2Engine(options) };

/** The engines with sockets of their own; each behaviour must hold over all. */
export const ENGINES: readonly TestEngine[] = [h2, grpcJs];
