import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  encodePublishRequest,
  encodeSubscriptionRequest,
  type TransportSubscribeRequest,
} from 'ce-broker-proto';
import { MessageCutter } from './message-cutter.js';

export const SERVICE = '/io.cloudevents.v1.CloudEventService';
/** What Go's gRPC takes. */
export const GO_RECEIVE_LIMIT = 4 * 1024 * 1024;

const CANCELLED = 1;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const PREFIX = 5;
const WINDOW = 1024 * 1024;
const SILENT_END_MS = 20;

/** How a call ended. Code 0 is OK. */
export interface Answer {
  readonly code: number;
  readonly message: string;
}

export interface StreamListener {
  /** The headers are here: the subscription stands. */
  opened?(): void;
  message?(bytes: Buffer): void;
  ended?(answer: Answer): void;
}

export interface OpenStream {
  /** Reads nothing more, so that HTTP/2 flow control stops the broker. */
  stopReading(): void;
  cancel(): void;
}

export interface ConnectionOptions {
  /** Receive window of each stream, in bytes. Default 1 MiB. */
  readonly windowBytes?: number;
  /** A larger message ends the stream, as in Go. Default {@link GO_RECEIVE_LIMIT}. */
  readonly receiveLimit?: number;
  /** PEM texts: TLS, with a client certificate where there is one. Default: plain text. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}

/** One gRPC connection of a client, in bytes, that never comes back by itself: when to dial again is its owner's to say. */
export class GrpcConnection {
  /** Told once, when the connection is over. */
  onClosed: ((reason: string) => void) | undefined;
  /** The server said that it goes away; calls in flight may still end well. */
  goingAway = false;
  readonly #session: ClientHttp2Session;
  readonly #receiveLimit: number;
  #reason = 'the server closed the connection';

  private constructor(session: ClientHttp2Session, receiveLimit: number) {
    this.#session = session;
    this.#receiveLimit = receiveLimit;
    session.on('error', (error) => {
      this.#reason = error.message;
    });
    session.on('goaway', (code) => {
      this.goingAway = true;
      this.#reason = `GOAWAY ${code}`;
    });
    session.on('close', () => this.onClosed?.(this.#reason));
  }

  /** Resolves when the server's SETTINGS are here. */
  static open(address: string, options: ConnectionOptions = {}): Promise<GrpcConnection> {
    const initialWindowSize = options.windowBytes ?? WINDOW;
    return new Promise((resolve, reject) => {
      const { tls } = options;
      const socket = tls === undefined ? undefined : secured(address, tls);
      const session = connect(`${socket === undefined ? 'http' : 'https'}://${address}`, {
        ...(socket === undefined ? {} : { createConnection: () => socket }),
        settings: { enablePush: false, initialWindowSize },
        // In megabytes: a large message is the scenario's to send, and the broker's to refuse.
        maxSessionMemory: 1_000,
      });
      const connection = new GrpcConnection(session, options.receiveLimit ?? GO_RECEIVE_LIMIT);
      connection.onClosed = (reason) => reject(new Error(`${address}: ${reason}`));
      // A session that is refused after the client's part of the handshake is destroyed without a word (Node 20).
      const watch = setInterval(() => {
        if (session.destroyed) connection.onClosed?.('the server closed the connection');
        if (session.destroyed || connection.onClosed === undefined) clearInterval(watch);
      }, SILENT_END_MS);
      session.once('remoteSettings', () => {
        session.setLocalWindowSize(Math.max(WINDOW, initialWindowSize));
        connection.onClosed = undefined;
        resolve(connection);
      });
    });
  }

  get closed(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  /** Publishes an encoded event. Never rejects: a connection that fails is UNAVAILABLE. */
  publish(event: Uint8Array): Promise<Answer> {
    return this.unary(`${SERVICE}/Publish`, grpcFrame(encodePublishRequest(event)));
  }

  /** Sends `body` as it is, gRPC prefix included: it may be wrong. */
  unary(path: string, body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return new Promise((resolve) => {
      this.#request(path, body, headers, { ended: resolve });
    });
  }

  subscribe(request: TransportSubscribeRequest, listener: StreamListener): OpenStream {
    const stream = this.#request(
      `${SERVICE}/Subscribe`,
      grpcFrame(encodeSubscriptionRequest(request)),
      {},
      listener,
    );
    return {
      stopReading: () => {
        stream?.pause();
      },
      cancel: () => {
        stream?.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  /** Says goodbye and closes. */
  close(): void {
    this.#session.destroy();
  }

  #request(
    path: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    listener: StreamListener,
  ): ClientHttp2Stream | undefined {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      queueMicrotask(() => listener.ended?.({ code: UNAVAILABLE, message }));
      return undefined;
    }
    let answer: Answer | undefined;
    const take = (trailers: Readonly<Record<string, unknown>>) => {
      const status = trailers['grpc-status'];
      if (status === undefined) return;
      answer = { code: Number(status), message: decoded(trailers['grpc-message']) };
    };
    stream.on('response', (response) => {
      take(response);
      if (answer === undefined && Number(response[':status']) !== 200)
        answer = { code: INTERNAL, message: `HTTP ${response[':status']}` };
      else if (answer === undefined) listener.opened?.();
    });
    stream.on('trailers', take);
    const cutter = new MessageCutter(this.#receiveLimit);
    stream.on('data', (chunk: Buffer) => {
      const fits = cutter.push(chunk, (message) => listener.message?.(message));
      if (fits || answer !== undefined) return;
      answer = { code: RESOURCE_EXHAUSTED, message: `received message larger than max (${cutter.tooLarge})` };
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('error', () => {});
    stream.on('close', () => listener.ended?.(answer ?? this.#withoutStatus(stream.rstCode)));
    stream.end(body);
    return stream;
  }

  /** What gRPC makes of a stream that ended without a status. */
  #withoutStatus(rstCode: number): Answer {
    if (this.closed) return { code: UNAVAILABLE, message: this.#reason };
    if (rstCode === constants.NGHTTP2_CANCEL) return { code: CANCELLED, message: 'reset: CANCEL' };
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM || this.goingAway)
      return { code: UNAVAILABLE, message: `reset: ${rstCode}` };
    if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM)
      return { code: RESOURCE_EXHAUSTED, message: 'reset: ENHANCE_YOUR_CALM' };
    return { code: INTERNAL, message: `reset: ${rstCode}` };
  }
}

function secured(address: string, tls: NonNullable<ConnectionOptions['tls']>): TLSSocket {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const options = { host: '127.0.0.1', port, servername: 'localhost', ALPNProtocols: ['h2'] };
  return connectTls({ ...options, ...tls });
}

/** `grpc-message` is percent-encoded. */
function decoded(message: unknown): string {
  if (typeof message !== 'string') return '';
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

/** A gRPC message with its prefix. */
export function grpcFrame(message: Uint8Array, flag = 0): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX + message.length);
  frame[0] = flag;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
}

export function closeAll(connections: Iterable<GrpcConnection>): void {
  for (const connection of connections) connection.close();
}
