import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServerInterceptingCallInterface,
} from '@grpc/grpc-js';
import type {
  RpcEngineStats,
  RpcListenAddress,
  RpcTls,
  SocketRpcEngine,
  SocketRpcEngineOptions,
} from '../engine.js';
import { Listeners } from '../sockets/listeners.js';
import { certificateName } from '../sockets/tls.js';
import { STATUS_UNAVAILABLE } from '../status.js';
import { Connection } from './connection.js';
import { type CallHost, directCalls, type Inflating } from './direct-call.js';
import { handlerType } from './handler-type.js';
import { Outbox } from './outbox.js';
import type { GrpcServerStream } from './server-stream.js';

export interface GrpcJsEngineOptions extends SocketRpcEngineOptions {
  /** Most calls and streams that a connection may have open at once. Default 10,000. */
  readonly maxStreamsPerConnection?: number;
  /**
   * Most compressed requests that may be on their way in at once, over all connections; one more is refused with
   * RESOURCE_EXHAUSTED. Each may inflate to `maxMessageBytes`. Default 64.
   */
  readonly maxInflatingRequests?: number;
  /** How long an ended stream may wait for its peer to read the rest before it is reset, in milliseconds. Default 10,000. */
  readonly endLingerMs?: number;
  /** False: every message goes through grpc-js's public `sendMessage`. Default true. */
  readonly nativeWrites?: boolean;
}

/** The broker's gRPC server on @grpc/grpc-js, over sockets that it owns. */
export class GrpcJsEngine implements SocketRpcEngine, CallHost {
  readonly name = 'grpc-js';
  readonly outbox = new Outbox();
  readonly streamBufferBytes: number;
  readonly endLingerMs: number;
  readonly nativeWrites: boolean;
  readonly inflating: Inflating;
  private readonly server: Server;
  private readonly injector: ConnectionInjector;
  private readonly listeners: Listeners;
  private readonly connections = new Map<string, Connection>();
  private readonly bySession = new WeakMap<Http2Session, Connection>();
  private readonly onFault: (error: unknown) => void;
  private path: 'unknown' | 'native' | 'grpc-js' = 'unknown';
  private state: 'open' | 'draining' | 'closed' = 'open';
  private emptied: Promise<void> | undefined = undefined;
  private whenEmpty: (() => void) | undefined = undefined;

  constructor(options: GrpcJsEngineOptions) {
    this.streamBufferBytes = options.streamBufferBytes;
    this.endLingerMs = options.endLingerMs ?? 10_000;
    this.nativeWrites = options.nativeWrites ?? true;
    this.inflating = { count: 0, limit: options.maxInflatingRequests ?? 64 };
    this.onFault = options.onFault ?? (() => undefined);
    this.server = new Server({
      interceptors: [directCalls(options.methods, this)],
      'grpc.enable_channelz': 0,
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_concurrent_streams': options.maxStreamsPerConnection ?? 10_000,
      'grpc.keepalive_time_ms': options.keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
    });
    for (const [path, method] of Object.entries(options.methods)) {
      this.server.register(path, neverCalled, identity, identity, handlerType(method));
    }
    this.injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.listeners = new Listeners(
      options.tls,
      (socket) => this.adopt(socket),
      (error) => this.fault(error),
      options.onHandshakeFailed ?? (() => undefined),
    );
  }

  listen(address: RpcListenAddress): Promise<RpcListenAddress> {
    return this.listeners.listen(address);
  }

  setTls(tls: RpcTls): void {
    this.listeners.setTls(tls);
  }

  /** How messages leave: `native` is the fast way, `grpc-js` the one that needs no private field. Known from the first call on. */
  get writePath(): 'unknown' | 'native' | 'grpc-js' {
    return this.path;
  }

  stats(): RpcEngineStats {
    let streams = 0;
    let bufferedBytes = 0;
    for (const connection of this.connections.values()) {
      streams += connection.streams.size;
      for (const stream of connection.streams) bufferedBytes += stream.bufferedBytes();
    }
    return { connections: this.connections.size, streams, bufferedBytes };
  }

  async drain(graceMs: number): Promise<void> {
    if (this.state !== 'closed') {
      this.state = 'draining';
      this.listeners.stop();
      // Called again it can only bring the end forward.
      for (const connection of this.connections.values()) {
        connection.end(STATUS_UNAVAILABLE, 'the server is shutting down', graceMs);
      }
      await this.empty();
    }
    await this.close();
  }

  async close(): Promise<void> {
    if (this.state !== 'closed') {
      this.state = 'closed';
      this.listeners.stop();
      for (const connection of this.connections.values()) connection.destroy();
      this.injector.destroy();
      this.server.forceShutdown();
    }
    await this.empty();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  fault(error: unknown): void {
    this.onFault(error);
  }

  /** @internal */
  endConnection(stream: GrpcServerStream, message: string, graceMs: number): void {
    if (stream.peer instanceof Connection) stream.peer.end(STATUS_UNAVAILABLE, message, graceMs);
  }

  /** @internal */
  connectionOf(
    call: ServerInterceptingCallInterface,
    native: ServerHttp2Stream | undefined,
  ): Connection | undefined {
    if (this.path === 'unknown') this.path = native !== undefined && this.nativeWrites ? 'native' : 'grpc-js';
    const session = native?.session;
    const known = session === undefined ? undefined : this.bySession.get(session);
    if (known !== undefined) return known;
    const { localPort, remoteAddress, remotePort } = call.getConnectionInfo();
    const connection = this.connections.get(connectionKey(localPort, remoteAddress, remotePort));
    if (connection !== undefined && session !== undefined) {
      connection.useSession(session);
      this.bySession.set(session, connection);
    }
    return connection;
  }

  private adopt(socket: Socket): void {
    const { localPort, remoteAddress, remotePort } = socket;
    if (this.state !== 'open' || remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const key = connectionKey(localPort, remoteAddress, remotePort);
    const certificate = socket instanceof TLSSocket ? certificateName(socket) : undefined;
    const connection = new Connection(socket, hostPort(remoteAddress, remotePort), certificate);
    this.connections.set(key, connection);
    socket.once('close', () => {
      connection.closed();
      if (this.connections.get(key) === connection) this.connections.delete(key);
      if (this.connections.size === 0) this.whenEmpty?.();
    });
    this.injector.injectConnection(socket);
  }

  private empty(): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve();
    this.emptied ??= new Promise((resolve) => {
      this.whenEmpty = resolve;
    });
    return this.emptied;
  }
}

function connectionKey(
  localPort: number | undefined,
  remoteAddress: string | undefined,
  remotePort: number | undefined,
): string {
  return `${localPort}/${remoteAddress}/${remotePort}`;
}

function hostPort(address: string, port: number | undefined): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}

/** The interceptor takes every call of ours before grpc-js would ask for its handler. */
function neverCalled(): void {}
