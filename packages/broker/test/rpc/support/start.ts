import { H2Engine, type H2EngineOptions } from '../../../src/rpc/h2/engine.js';
import {
  GrpcJsEngine,
  type GrpcJsEngineOptions,
  type SocketRpcEngine,
  type SocketRpcEngineOptions,
} from '../../../src/rpc/index.js';
import { EchoService } from './echo-service.js';
import type { EngineOptions, TestEngine } from './engines.js';
import { RawClient } from './raw-client.js';

export const STREAM_BUFFER_BYTES = 256 * 1024;

/** An engine with the echo service on a free port; disposing closes it and the clients made here. */
export interface Running<E extends SocketRpcEngine = SocketRpcEngine> extends AsyncDisposable {
  readonly engine: E;
  readonly service: EchoService;
  readonly port: number;
  readonly url: string;
  readonly faults: unknown[];
  client(): RawClient;
}

export function startEngine(engine: TestEngine, overrides: Partial<EngineOptions> = {}): Promise<Running> {
  return start((options) => engine.make({ ...options, ...overrides }), overrides.tls !== undefined);
}

export function startGrpcJs(overrides: Partial<GrpcJsEngineOptions> = {}): Promise<Running<GrpcJsEngine>> {
  return start((options) => new GrpcJsEngine({ ...options, ...overrides }), overrides.tls !== undefined);
}

export function startH2(overrides: Partial<H2EngineOptions> = {}): Promise<Running<H2Engine>> {
  return start((options) => new H2Engine({ ...options, ...overrides }), overrides.tls !== undefined);
}

async function start<E extends SocketRpcEngine>(
  make: (options: SocketRpcEngineOptions) => E,
  secure: boolean,
): Promise<Running<E>> {
  const service = new EchoService();
  const faults: unknown[] = [];
  const engine = make({
    methods: service.methods,
    tls: undefined,
    maxMessageBytes: 4 * 1024 * 1024,
    streamBufferBytes: STREAM_BUFFER_BYTES,
    keepaliveTimeMs: 30_000,
    keepaliveTimeoutMs: 10_000,
    onFault: (error) => faults.push(error),
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  const clients: RawClient[] = [];
  return {
    engine,
    service,
    port,
    url: `${secure ? 'https' : 'http'}://localhost:${port}`,
    faults,
    client: () => {
      const client = new RawClient(`http://127.0.0.1:${port}`);
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      await engine.close();
    },
  };
}
