import { H2Engine } from '../../../../src/rpc/h2/engine.js';
import type { H2LimitOptions } from '../../../../src/rpc/h2/limits.js';
import type { RpcMethods, SocketRpcEngine, SocketRpcEngineOptions } from '../../../../src/rpc/index.js';
import { TalkService } from '../../support/bidi-service.js';
import { EchoService } from '../../support/echo-service.js';
import { type PeerOptions, RawPeer } from './raw-peer.js';
import { type Field, literals } from './wire.js';

/** Answers with what it was sent. */
export const ECHO = '/test.Conformance/Echo';
/** A unary call that the test answers: see `echo.held`. */
export { TALK } from '../../support/bidi-service.js';
export { HOLD, SUBSCRIBE } from '../../support/echo-service.js';

/** An engine on a free port, with calls of every kind. */
export interface Server extends AsyncDisposable {
  readonly engine: SocketRpcEngine;
  readonly port: number;
  readonly echo: EchoService;
  readonly talk: TalkService;
  /** What was thrown above the seam, or is a fault of the engine: a peer's mistake is neither. */
  readonly faults: unknown[];
  /** Requests that reached ECHO. */
  readonly echoed: Buffer[];
  connect(options?: PeerOptions): Promise<RawPeer>;
}

export async function startServer(
  limits: H2LimitOptions = {},
  options: Partial<SocketRpcEngineOptions> = {},
): Promise<Server> {
  const echo = new EchoService();
  const talk = new TalkService();
  const faults: unknown[] = [];
  const echoed: Buffer[] = [];
  const methods: RpcMethods = {
    ...echo.methods,
    ...talk.methods,
    [ECHO]: {
      kind: 'unary',
      handle: (call, request) => {
        const copy = Buffer.from(request);
        echoed.push(copy);
        call.reply(copy);
      },
    },
  };
  const engine = new H2Engine({
    methods,
    tls: undefined,
    maxMessageBytes: 4 * 1024 * 1024,
    streamBufferBytes: 1024 * 1024,
    keepaliveTimeMs: 30_000,
    keepaliveTimeoutMs: 10_000,
    onFault: (error) => faults.push(error),
    // Tests ping as often as they like: it is how they know that all has come.
    limits: { minClientPingIntervalMs: 0, ...limits },
    ...options,
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  return {
    engine,
    port,
    echo,
    talk,
    faults,
    echoed,
    connect: (peer) => RawPeer.connect(port, peer),
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

/** What a gRPC client sends before a call; further fields come after, and `undefined` leaves one out. */
export function callFields(
  path: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): Field[] {
  const fields: Record<string, string | undefined> = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...changes,
  };
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
}

export function callBlock(path: string, changes: Readonly<Record<string, string | undefined>> = {}): Buffer {
  return literals(callFields(path, changes));
}
