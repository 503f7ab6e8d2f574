import type {
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import { CeBrokerError } from 'ce-broker-proto';
import type {
  BidiStreamMethod,
  RpcEngineStats,
  RpcMethod,
  RpcMethods,
  RpcPeer,
  ServerStreamMethod,
  UnaryMethod,
} from '../engine.js';
import { STATUS_INTERNAL } from '../status.js';
import { GrpcBidiStream } from './bidi-stream.js';
import { Outbox } from './outbox.js';
import { GrpcServerStream, type StreamHost } from './server-stream.js';
import { surfacePort, unarySurfacePort } from './surface-port.js';
import { GrpcUnaryCall } from './unary-call.js';
import { UserPeers } from './user-peers.js';

type BidiCall = ServerDuplexStream<Buffer, Buffer>;
type StreamCall = ServerWritableStream<Buffer, Buffer>;
type UnarySurfaceCall = ServerUnaryCall<Buffer, Buffer>;

export interface AttachOptions {
  /** High-water mark of one stream's unsent output, in bytes. */
  readonly streamBufferBytes: number;
  /** How long an ended stream may wait for its peer to read the rest before it is reset, in milliseconds. Default 10,000. */
  readonly endLingerMs?: number;
  /** Called with whatever a method or listener above the seam threw; the call is answered INTERNAL. Default: ignored. */
  readonly onFault?: (error: unknown) => void;
}

/** Our methods on a server that belongs to somebody else. */
export interface Attachment {
  readonly name: string;
  /** `connections` counts those that have a stream open: the others are the server's. */
  stats(): RpcEngineStats;
  /** Takes the methods off the server, so that new calls are answered UNIMPLEMENTED. Open streams are the caller's to end. */
  detach(): void;
}

/**
 * Registers `methods` on a grpc-js `Server` of the user's own.
 *
 * The sockets stay the server's. So `endConnection` ends the stream only, and a Go client that wakes only when its
 * connection goes stays deaf until the server's owner closes it (`grpc.max_connection_age_ms` does so now and then);
 * message limit, keepalive and TLS are the options of that server, and its owner drains it. Interceptors of the server see
 * every message; without any, a stream's messages of one turn leave in one write, as on our own engine.
 *
 * Throws a CeBrokerError (`already_exists`) when the server already has one of the methods.
 */
export function attachToServer(server: Server, methods: RpcMethods, options: AttachOptions): Attachment {
  const host = new AttachHost(options);
  const registered: string[] = [];
  const detach = (): void => {
    for (const path of registered.splice(0)) server.unregister(path);
  };
  for (const [path, method] of Object.entries(methods)) {
    if (!register(server, path, method, host)) {
      detach();
      throw new CeBrokerError(
        'already_exists',
        `cannot attach: the gRPC server already has a handler for ${path}; attach to a server without that service, or remove it first (server.removeService)`,
      );
    }
    registered.push(path);
  }
  return { name: 'grpc-js (attached)', stats: () => host.stats(), detach };
}

function register(server: Server, path: string, method: RpcMethod, host: AttachHost): boolean {
  switch (method.kind) {
    case 'unary':
      return server.register<Buffer, Buffer>(path, host.unaryHandler(method), identity, identity, 'unary');
    case 'server-stream':
      return server.register<Buffer, Buffer>(
        path,
        host.streamHandler(method),
        identity,
        identity,
        'serverStream',
      );
    case 'bidi-stream':
      return server.register<Buffer, Buffer>(path, host.bidiHandler(method), identity, identity, 'bidi');
  }
}

class AttachHost implements StreamHost {
  readonly outbox = new Outbox();
  readonly streamBufferBytes: number;
  readonly endLingerMs: number;
  private readonly streams = new Set<GrpcServerStream>();
  private readonly peers = new UserPeers();
  private readonly onFault: (error: unknown) => void;

  constructor(options: AttachOptions) {
    this.streamBufferBytes = options.streamBufferBytes;
    this.endLingerMs = options.endLingerMs ?? 10_000;
    this.onFault = options.onFault ?? (() => undefined);
  }

  unaryHandler(method: UnaryMethod): (call: UnarySurfaceCall, answer: sendUnaryData<Buffer>) => void {
    return (surface, answer) => {
      const { port, native } = unarySurfacePort(surface, answer);
      const call = new GrpcUnaryCall(port, native, this.peers.of(surface, native), surface.metadata);
      try {
        method.handle(call, surface.request);
      } catch (error) {
        this.fault(error);
        call.fail(STATUS_INTERNAL, 'internal error');
      }
    };
  }

  streamHandler(method: ServerStreamMethod): (call: StreamCall) => void {
    return (surface) => {
      const { port, native } = surfacePort(surface);
      const peer = this.peers.of(surface, native);
      const stream = new GrpcServerStream(port, native, peer, surface.metadata, this);
      this.streams.add(stream);
      surface.once('cancelled', () => {
        this.streams.delete(stream);
        stream.callOver(false);
      });
      try {
        method.open(stream, surface.request);
      } catch (error) {
        this.fault(error);
        stream.end(STATUS_INTERNAL, 'internal error');
      }
    };
  }

  /** grpc-js reads up to 16 messages ahead of a handler here; beyond that flow control holds the sender. */
  bidiHandler(method: BidiStreamMethod): (call: BidiCall) => void {
    return (surface) => {
      const { port, native } = surfacePort(surface);
      const peer = this.peers.of(surface, native);
      const stream = new GrpcBidiStream(port, native, peer, surface.metadata, this);
      this.streams.add(stream);
      let asked = false;
      const take = (): void => {
        if (!asked) return;
        const message: Buffer | null = surface.read();
        if (message === null) return;
        asked = false;
        stream.messageCame(message);
      };
      stream.startRead = () => {
        asked = true;
        take();
      };
      surface.on('readable', take);
      surface.once('end', () => stream.halfCloseCame());
      surface.once('cancelled', () => {
        this.streams.delete(stream);
        stream.callOver(false);
      });
      try {
        method.open(stream);
      } catch (error) {
        this.fault(error);
        stream.end(STATUS_INTERNAL, 'internal error');
      }
    };
  }

  stats(): RpcEngineStats {
    const connections = new Set<RpcPeer>();
    let bufferedBytes = 0;
    for (const stream of this.streams) {
      connections.add(stream.peer);
      bufferedBytes += stream.bufferedBytes();
    }
    return { connections: connections.size, streams: this.streams.size, bufferedBytes };
  }

  fault(error: unknown): void {
    this.onFault(error);
  }

  /** The socket is the user's: the stream has been ended, and that is all. */
  endConnection(): void {}
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}
