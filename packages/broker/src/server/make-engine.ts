import type { RpcMethods, RpcTls, SocketRpcEngine } from '../rpc/index.js';
import type { NoteLog } from './notes.js';
import type { ResolvedOptions } from './options.js';

export interface EngineParts {
  readonly methods: RpcMethods;
  readonly tls: RpcTls | undefined;
  readonly notes: NoteLog;
  readonly onFault: (error: unknown) => void;
}

/** The engine that the options choose; `rpc` is the room that is loaded only when a broker starts. */
export function makeEngine(
  rpc: typeof import('../rpc/index.js'),
  resolved: ResolvedOptions,
  { methods, tls, notes, onFault }: EngineParts,
): SocketRpcEngine {
  const { maxMessageBytes, streamBufferBytes, keepaliveTimeMs, keepaliveTimeoutMs } = resolved;
  const options = {
    methods,
    tls,
    maxMessageBytes,
    streamBufferBytes,
    keepaliveTimeMs,
    keepaliveTimeoutMs,
    onFault,
    onHandshakeFailed: notes.handshakeFailed.bind(notes),
  };
  if (resolved.rpcEngine === 'grpc-js') return new rpc.GrpcJsEngine(options);
  return new rpc.H2Engine({ ...options, limits: resolved.http2, onOffender: notes.offended.bind(notes) });
}
