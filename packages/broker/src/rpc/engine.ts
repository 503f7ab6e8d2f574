/**
 * The seam between the broker and whatever carries gRPC: bytes in, bytes out.
 *
 * An engine knows HTTP/2 and gRPC framing; it knows nothing of CloudEvents. Everything that crosses this seam per
 * event is a plain method call on an object that lives as long as its call or stream: no promise, no closure, no decode.
 */
import type { PeerCertificateName } from './peer.js';

/** gRPC status codes as numbers (https://grpc.io/docs/guides/status-codes). */
export type RpcStatus = number;

/** One client connection, as far as the engine can tell. The same object for every call and stream on it. */
export interface RpcPeer {
  /** `host:port` of the other side, for logs. */
  readonly address: string;
  /** Subject of the verified client certificate; undefined without mTLS. */
  readonly certificate: PeerCertificateName | undefined;
  /** A slot for whoever sits above the seam (the authenticated identity is kept here). */
  context: unknown;
}

export interface UnaryCall {
  readonly peer: RpcPeer;
  /** A request header in lower case, or undefined. */
  header(name: string): string | undefined;
  /** Answers OK. Exactly one of `reply` and `fail` is called, once; what comes after the peer has gone is dropped. */
  reply(message: Uint8Array): void;
  fail(code: RpcStatus, message: string): void;
}

export interface ServerStream {
  readonly peer: RpcPeer;
  header(name: string): string | undefined;
  /** Set by the owner right after `open`; the engine calls it. */
  listener: StreamListener | undefined;
  /** Sends the response headers now, before any message. Call it once, first. */
  sendHeaders(headers: Readonly<Record<string, string>>): void;
  /**
   * How many bytes may be written now; zero or less means: wait for `listener.writable`. It counts what is buffered in
   * the process for this stream against a high-water mark, so that memory per stream is bounded in bytes.
   */
  writableBytes(): number;
  /** Writes one message. The bytes are shared with other streams: the engine neither changes nor keeps them longer than needed. */
  write(message: Uint8Array): void;
  /** Ends this stream with a status; `listener.closed` still follows. */
  end(code: RpcStatus, message: string): void;
  /**
   * Ends the stream and then its whole connection: calls in flight on it are answered first (at most `graceMs`), then GOAWAY,
   * then close. Most Go clients can be woken only so. An engine that does not own the socket ends the stream only.
   */
  endConnection(code: RpcStatus, message: string, graceMs: number): void;
}

export interface StreamListener {
  /** There is room again after `writableBytes()` was zero or less. */
  writable(): void;
  /** The stream is over, whoever ended it. Called exactly once. `byPeer`: the client or its connection went away. */
  closed(byPeer: boolean): void;
}

/**
 * A stream on which both sides send. Messages are handed over one at a time, each when it was asked for: until then flow control
 * holds the sender, and at most its window waits in the process.
 */
export interface BidiStream extends ServerStream {
  /** Set by the owner right after `open`. */
  listener: BidiListener | undefined;
  /** Asks for one more message: `message` follows, or `halfClosed`. Asking again before that changes nothing. */
  read(): void;
}

export interface BidiListener extends StreamListener {
  /** One message. It is borrowed: who keeps it, copies it. May be called from inside `read`. */
  message(message: Uint8Array): void;
  /** The client sends no more; the stream stays open until the owner ends it. Called at most once. */
  halfClosed(): void;
  /**
   * The connection is about to be ended with this status. True: the owner answers what it has taken, and then ends the stream itself;
   * the connection waits for that as for a unary call. False: the stream ends now.
   */
  ending(code: RpcStatus, message: string): boolean;
}

export interface UnaryMethod {
  readonly kind: 'unary';
  /** `request` is borrowed: it may be part of a larger chunk. Who keeps it, copies it. */
  handle(call: UnaryCall, request: Uint8Array): void;
}

export interface ServerStreamMethod {
  readonly kind: 'server-stream';
  open(stream: ServerStream, request: Uint8Array): void;
}

export interface BidiStreamMethod {
  readonly kind: 'bidi-stream';
  open(stream: BidiStream): void;
}

export type RpcMethod = UnaryMethod | ServerStreamMethod | BidiStreamMethod;

/** Full method path (`/io.cloudevents.v1.CloudEventService/Publish`) to method. */
export type RpcMethods = Readonly<Record<string, RpcMethod>>;

export interface RpcListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface RpcTls {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  /** With a CA, clients must present a certificate that it signed, unless `clientCertificate` is `optional`. */
  readonly clientCa: Uint8Array | undefined;
  readonly clientCertificate: 'required' | 'optional';
}

/** Why a TLS handshake failed. */
export type HandshakeFailureReason =
  /** The peer does not speak TLS. */
  | 'plaintext'
  /** TLS below 1.3, or without HTTP/2. */
  | 'protocol'
  | 'no-certificate'
  | 'certificate-untrusted'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  /** The peer does not trust our certificate. */
  | 'refused-by-client'
  | 'timeout'
  /** The peer went away in the middle of it. */
  | 'closed'
  | 'other';

export interface HandshakeFailure {
  /** `host:port` of the other side. */
  readonly address: string;
  readonly reason: HandshakeFailureReason;
  /** For the operator: what is wrong and what to do. */
  readonly message: string;
}

export interface RpcEngineOptions {
  readonly methods: RpcMethods;
  readonly tls: RpcTls | undefined;
  /** Largest request message in bytes; a larger one is answered RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** High-water mark of one stream's unsent output, in bytes. */
  readonly streamBufferBytes: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

/** What every engine that owns its sockets takes. */
export interface SocketRpcEngineOptions extends RpcEngineOptions {
  /** Called with whatever a method or listener above the seam threw; the call is answered INTERNAL. Default: ignored. */
  readonly onFault?: (error: unknown) => void;
  /** Called with each TLS handshake that failed; peers that connect and say nothing are left out. Default: ignored. */
  readonly onHandshakeFailed?: (failure: HandshakeFailure) => void;
}

export interface RpcEngineStats {
  readonly connections: number;
  readonly streams: number;
  /** Unsent output of all streams, in bytes. */
  readonly bufferedBytes: number;
}

export interface RpcEngine {
  readonly name: string;
  /** Resolves with the bound address. Rejects with a CeBrokerError that names the address when it is in use. */
  listen(address: RpcListenAddress): Promise<RpcListenAddress>;
  stats(): RpcEngineStats;
  /** Stops accepting; GOAWAY to everyone once the calls in flight are answered; closes what is left after `graceMs`. */
  drain(graceMs: number): Promise<void>;
  /** Closes everything at once. Idempotent. */
  close(): Promise<void>;
}

/** An engine that listens on sockets of its own, and so has their TLS in hand. */
export interface SocketRpcEngine extends RpcEngine {
  /**
   * Replaces certificate, key and CA for connections that come from now on; open ones keep theirs. Throws when OpenSSL refuses
   * them, and then keeps the old ones. An engine that was created without TLS gets it.
   */
  setTls(tls: RpcTls): void;
}
