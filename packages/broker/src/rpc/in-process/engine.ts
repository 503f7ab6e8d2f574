import type {
  BidiStreamMethod,
  RpcEngineStats,
  RpcMethods,
  RpcPeer,
  RpcStatus,
  ServerStreamMethod,
  UnaryMethod,
} from '../engine.js';
import { STATUS_OK, STATUS_RESOURCE_EXHAUSTED, STATUS_UNAVAILABLE, STATUS_UNIMPLEMENTED } from '../status.js';
import { type InProcessBidi, type InProcessBidiListener, InProcessBidiStream } from './bidi.js';
import type { Headers, InProcessContext } from './context.js';
import {
  InProcessServerStream,
  type InProcessStream,
  type InProcessStreamListener,
  type StreamOwner,
} from './stream.js';
import { TurnQueue } from './turn-queue.js';
import { type InProcessCall, InProcessUnary, type UnaryDone } from './unary.js';

const NO_REQUEST = new Uint8Array(0);

export interface InProcessEngineOptions {
  readonly methods: RpcMethods;
  /** Largest request message in bytes; a larger one is answered RESOURCE_EXHAUSTED, as over the wire. */
  readonly maxMessageBytes: number;
  /** High-water mark of one stream's output that the client has not taken, in bytes. */
  readonly streamBufferBytes: number;
  /** Called with whatever a method or listener threw. Default: ignored. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Serves the same methods inside the process, without a socket. Same rules as over the wire: bounded streams, a status for
 * each end, and neither side called from inside its own call.
 */
export class InProcessEngine implements InProcessContext {
  readonly name = 'in-process';
  readonly methods: InProcessContext['methods'];
  readonly maxMessageBytes: number;
  readonly streamBufferBytes: number;
  readonly turn = new TurnQueue();
  private readonly connections = new Set<InProcessConnection>();
  private readonly onFault: (error: unknown) => void;
  private closed = false;

  constructor(options: InProcessEngineOptions) {
    this.methods = new Map(Object.entries(options.methods));
    this.maxMessageBytes = options.maxMessageBytes;
    this.streamBufferBytes = options.streamBufferBytes;
    this.onFault = options.onFault ?? (() => undefined);
  }

  /** A connection of its own: one peer, with its own identity. `name` stands where an address would, in logs. */
  connect(name = 'in-process'): InProcessConnection {
    const connection = new InProcessConnection(this, name, (gone) => this.connections.delete(gone));
    if (this.closed) connection.abort(STATUS_UNAVAILABLE, 'the broker has been closed');
    else this.connections.add(connection);
    return connection;
  }

  stats(): RpcEngineStats {
    let streams = 0;
    let bufferedBytes = 0;
    for (const connection of this.connections) {
      streams += connection.streams.size;
      for (const stream of connection.streams) bufferedBytes += stream.bufferedBytes();
    }
    return { connections: this.connections.size, streams, bufferedBytes };
  }

  /** Ends every connection: streams and calls in flight end UNAVAILABLE at the end of this turn. Idempotent. */
  close(): void {
    this.closed = true;
    for (const connection of [...this.connections]) {
      connection.abort(STATUS_UNAVAILABLE, 'the broker has been closed');
    }
  }

  /** @internal */
  fault(error: unknown): void {
    this.onFault(error);
  }
}

interface Status {
  readonly code: RpcStatus;
  readonly message: string;
}

/** A client's way in. Calls after its end are answered UNAVAILABLE. */
export class InProcessConnection implements StreamOwner {
  readonly peer: RpcPeer;
  readonly streams = new Set<InProcessServerStream>();
  /** Told when the broker ends this connection; never when the client does. */
  onEnd: ((code: RpcStatus, message: string) => void) | undefined = undefined;
  private readonly calls = new Set<InProcessUnary>();
  private readonly context: InProcessContext;
  private readonly gone: (connection: InProcessConnection) => void;
  private ended: Status | undefined = undefined;

  constructor(context: InProcessContext, name: string, gone: (connection: InProcessConnection) => void) {
    this.context = context;
    this.gone = gone;
    this.peer = { address: name, certificate: undefined, context: undefined };
  }

  /** True after `close`, or after the broker has ended this connection. */
  get closed(): boolean {
    return this.ended !== undefined;
  }

  /** Calls a unary method. `request` must not change before `done` has been called. */
  unary(path: string, request: Uint8Array, done: UnaryDone, headers: Headers = {}): InProcessCall {
    const method = this.context.methods.get(path);
    const { code, message } = this.check(path, request, method?.kind === 'unary');
    const served: UnaryMethod =
      code === STATUS_OK && method?.kind === 'unary'
        ? method
        : { kind: 'unary', handle: (call) => call.fail(code, message) };
    const over = (call: InProcessUnary): unknown => this.calls.delete(call);
    const call = new InProcessUnary(this.context, this.peer, served, request, headers, done, over);
    this.calls.add(call);
    return call;
  }

  /** Opens a server stream. `request` must not change before the listener has heard of the stream. */
  stream(
    path: string,
    request: Uint8Array,
    listener: InProcessStreamListener,
    headers: Headers = {},
  ): InProcessStream {
    const method = this.context.methods.get(path);
    const { code, message } = this.check(path, request, method?.kind === 'server-stream');
    const served: ServerStreamMethod =
      code === STATUS_OK && method?.kind === 'server-stream'
        ? method
        : { kind: 'server-stream', open: (refused) => refused.end(code, message) };
    const stream = new InProcessServerStream(this.context, this, served, request, headers, listener);
    this.streams.add(stream);
    return stream;
  }

  /** Opens a stream on which both sides send. */
  bidi(path: string, listener: InProcessBidiListener, headers: Headers = {}): InProcessBidi {
    const method = this.context.methods.get(path);
    const { code, message } = this.check(path, NO_REQUEST, method?.kind === 'bidi-stream');
    const served: BidiStreamMethod =
      code === STATUS_OK && method?.kind === 'bidi-stream'
        ? method
        : { kind: 'bidi-stream', open: (refused) => refused.end(code, message) };
    const stream = new InProcessBidiStream(this.context, this, served, headers, listener);
    this.streams.add(stream);
    return stream.clientSide;
  }

  /** The status that the connection ended with; undefined while it stands. */
  get endedWith(): Readonly<{ code: RpcStatus; message: string }> | undefined {
    return this.ended;
  }

  /** Ends the client's side: its streams are cancelled, its calls in flight given up. Idempotent. */
  close(): void {
    this.onEnd = undefined;
    this.leave(STATUS_UNAVAILABLE, 'this connection has been closed');
    for (const stream of this.streams) stream.cancel();
    for (const call of this.calls) call.cancel();
  }

  /** The broker ends the connection: its streams end with this status, calls in flight are still answered. */
  end(code: RpcStatus, message: string): void {
    this.leave(code, message);
    for (const stream of this.streams) {
      if (!stream.windDown(code, message)) stream.evict(code, message);
    }
  }

  /** The broker has gone: calls in flight end with this status too. */
  abort(code: RpcStatus, message: string): void {
    this.leave(code, message);
    for (const stream of this.streams) stream.evict(code, message);
    for (const call of this.calls) call.cancelWith(code, message);
  }

  /** @internal */
  streamOver(stream: InProcessServerStream): void {
    this.streams.delete(stream);
  }

  private leave(code: RpcStatus, message: string): void {
    if (this.ended !== undefined) return;
    this.ended = { code, message };
    this.gone(this);
    this.onEnd?.(code, message);
  }

  /** The status that a call is refused with before its method hears of it; OK when it is not. */
  private check(path: string, request: Uint8Array, known: boolean): Status {
    if (this.ended !== undefined) return { code: STATUS_UNAVAILABLE, message: this.ended.message };
    if (!known) {
      return { code: STATUS_UNIMPLEMENTED, message: `The server does not implement the method ${path}` };
    }
    const limit = this.context.maxMessageBytes;
    if (request.byteLength > limit) {
      const message = `Received message larger than max (${request.byteLength} vs ${limit})`;
      return { code: STATUS_RESOURCE_EXHAUSTED, message };
    }
    return { code: STATUS_OK, message: 'OK' };
  }
}
