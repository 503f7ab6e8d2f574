import { constants } from 'node:http2';
import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { RpcMethod, RpcMethods } from '../engine.js';
import {
  STATUS_INTERNAL,
  STATUS_RESOURCE_EXHAUSTED,
  STATUS_UNAVAILABLE,
  STATUS_UNIMPLEMENTED,
} from '../status.js';
import { GrpcBidiStream } from './bidi-stream.js';
import { nativeStream } from './call-port.js';
import { isCompressed, takeOneMessage } from './compression-guard.js';
import type { Connection } from './connection.js';
import { GrpcServerStream, type StreamHost } from './server-stream.js';
import { GrpcUnaryCall } from './unary-call.js';

type NextCall = ConstructorParameters<typeof ServerInterceptingCall>[0];
type Listener = Parameters<NextCall['start']>[0];

/** How many compressed requests are on their way in, and how many may be. */
export interface Inflating {
  count: number;
  readonly limit: number;
}

/** What the calls of an engine share. */
export interface CallHost extends StreamHost {
  /** Whether messages may be written to the HTTP/2 stream beneath grpc-js. */
  readonly nativeWrites: boolean;
  readonly inflating: Inflating;
  /** The connection that a call came in on; undefined when its socket has just gone. */
  connectionOf(call: NextCall, native: ReturnType<typeof nativeStream>): Connection | undefined;
}

/**
 * Takes all calls over at the interceptor, the public place closest to HTTP/2: what grpc-js would build
 * above it for each call (a Writable, an emitter, a handler's closures) is never built.
 */
export function directCalls(methods: RpcMethods, host: CallHost): ServerInterceptor {
  const byPath = new Map(Object.entries(methods));
  return (definition, call) => {
    const method = byPath.get(definition.path);
    // Never undefined: no other method is registered.
    return method === undefined ? new ServerInterceptingCall(call) : new DirectCall(call, method, host);
  };
}

class DirectCall extends ServerInterceptingCall implements Listener {
  private readonly call: NextCall;
  private readonly method: RpcMethod;
  private readonly host: CallHost;
  private metadata: Metadata | undefined = undefined;
  private connection: Connection | undefined = undefined;
  private request: Uint8Array | undefined = undefined;
  private stream: GrpcServerStream | undefined = undefined;
  private inflating = false;

  constructor(call: NextCall, method: RpcMethod, host: CallHost) {
    super(call);
    this.call = call;
    this.method = method;
    this.host = host;
  }

  /** grpc-js's own handler would listen here; this call listens itself. */
  override start(_handler: Listener): void {
    if (isCompressed(this.call)) {
      if (this.method.kind === 'bidi-stream') {
        this.call.sendStatus({
          code: STATUS_UNIMPLEMENTED,
          details: 'this method takes no compressed messages',
        });
        return;
      }
      const { inflating } = this.host;
      if (inflating.count >= inflating.limit) {
        const details = `${inflating.limit} compressed requests are already on their way in: send uncompressed, or later`;
        this.call.sendStatus({ code: STATUS_RESOURCE_EXHAUSTED, details });
        return;
      }
      takeOneMessage(this.call);
      this.inflating = true;
      inflating.count++;
    }
    this.call.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.metadata = metadata;
    this.connection = this.host.connectionOf(this.call, nativeStream(this.call));
    if (this.method.kind === 'bidi-stream') {
      this.attempt(() => this.openBidi());
      return;
    }
    if (this.method.kind === 'unary') this.connection?.callStarted();
    this.call.startRead();
  }

  onReceiveMessage(message: Uint8Array): void {
    if (this.stream instanceof GrpcBidiStream) {
      this.stream.messageCame(message);
      return;
    }
    if (this.request !== undefined) {
      this.refuse(STATUS_UNIMPLEMENTED, 'one request message was expected, more came');
      return;
    }
    this.request = message;
    this.inflated();
    this.call.startRead();
  }

  onReceiveHalfClose(): void {
    if (this.stream instanceof GrpcBidiStream) {
      this.stream.halfCloseCame();
      return;
    }
    const { connection, metadata, request } = this;
    if (request === undefined) {
      this.refuse(STATUS_UNIMPLEMENTED, 'one request message was expected, none came');
    } else if (metadata === undefined || connection === undefined) {
      this.refuse(STATUS_UNAVAILABLE, 'the connection has gone');
    } else {
      this.attempt(() => this.begin(connection, metadata, request));
    }
  }

  /** Exactly once, after the trailers have been sent or the stream or its connection has gone. */
  onCancel(): void {
    const { connection, stream } = this;
    this.inflated();
    if (stream !== undefined) {
      stream.callOver(connection?.ending ?? false);
      connection?.streamOver(stream);
      if (stream instanceof GrpcBidiStream) closeOtherHalf(this.call);
    }
    if (this.method.kind === 'unary') connection?.callFinished();
  }

  private openBidi(): void {
    const { connection, metadata, method } = this;
    if (metadata === undefined || connection === undefined || connection.ending) {
      this.refuse(STATUS_UNAVAILABLE, 'the connection is being closed');
    } else if (method.kind === 'bidi-stream') {
      const stream = new GrpcBidiStream(this.call, this.native(), connection, metadata, this.host);
      stream.startRead = () => this.call.startRead();
      this.stream = stream;
      connection.streams.add(stream);
      method.open(stream);
    }
  }

  private begin(connection: Connection, metadata: Metadata, request: Uint8Array): void {
    const { method } = this;
    const native = this.native();
    if (method.kind === 'unary') {
      method.handle(new GrpcUnaryCall(this.call, native, connection, metadata), request);
    } else if (connection.ending) {
      this.refuse(STATUS_UNAVAILABLE, 'the connection is being closed');
    } else if (method.kind === 'server-stream') {
      this.stream = new GrpcServerStream(this.call, native, connection, metadata, this.host);
      connection.streams.add(this.stream);
      // The bytes of the request are not needed again, and a stream lives long.
      this.request = EMPTY;
      method.open(this.stream, request);
    }
  }

  private native(): ReturnType<typeof nativeStream> {
    return this.host.nativeWrites ? nativeStream(this.call) : undefined;
  }

  private attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.host.fault(error);
      this.refuse(STATUS_INTERNAL, 'internal error');
    }
  }

  private inflated(): void {
    if (!this.inflating) return;
    this.inflating = false;
    this.host.inflating.count--;
  }

  private refuse(code: number, details: string): void {
    if (this.stream === undefined) this.call.sendStatus({ code, details });
    else this.stream.end(code, details);
  }
}

/** How long a client may take to end its side once it has the status. */
const OTHER_HALF_MS = 1_000;

/** The status is out: a client that has not ended its side, and may never, would hold stream and connection. */
function closeOtherHalf(call: NextCall): void {
  const native = nativeStream(call);
  if (native === undefined || native.closed) return;
  // Not at once: a reset overtakes the status.
  const timer = setTimeout(() => native.close(constants.NGHTTP2_NO_ERROR), OTHER_HALF_MS);
  timer.unref();
  native.once('close', () => clearTimeout(timer));
}

const EMPTY = new Uint8Array(0);
