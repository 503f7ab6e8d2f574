import { GrpcJsEngine, type GrpcJsEngineOptions } from '../../../src/rpc/index.js';
import { EchoService } from './echo-service.js';
import { RawClient } from './raw-client.js';

export const STREAM_BUFFER_BYTES = 256 * 1024;

export interface Running extends AsyncDisposable {
  readonly engine: GrpcJsEngine;
  readonly service: EchoService;
  readonly port: number;
  readonly url: string;
  readonly faults: unknown[];
  client(): RawClient;
}

/** An engine with the echo service on a free port; disposing closes it and the clients made here. */
export async function startEngine(overrides: Partial<GrpcJsEngineOptions> = {}): Promise<Running> {
  const service = new EchoService();
  const faults: unknown[] = [];
  const engine = new GrpcJsEngine({
    methods: service.methods,
    tls: undefined,
    maxMessageBytes: 4 * 1024 * 1024,
    streamBufferBytes: STREAM_BUFFER_BYTES,
    keepaliveTimeMs: 30_000,
    keepaliveTimeoutMs: 10_000,
    onFault: (error) => faults.push(error),
    ...overrides,
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  const clients: RawClient[] = [];
  const url = `${overrides.tls === undefined ? 'http' : 'https'}://localhost:${port}`;
  return {
    engine,
    service,
    port,
    url,
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
