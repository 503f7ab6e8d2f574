import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import {
  decodeEvent,
  decodePublishRequest,
  decodeSubscriptionRequest,
  type Event,
  encodeEvent,
  encodeHeartbeat,
  type TransportSubscribeRequest,
} from 'ce-broker-proto';
import { grpcFrame } from '../grpc-connection.js';

const PREFIX = 5;
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

export interface ServerScript {
  /** Default: accepts. */
  subscribe?(subscription: ScriptedSubscription): void;
  /** Default: answers OK. */
  publish?(call: ScriptedPublish): void;
}

export interface ServerKeys {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate that one of these has signed. */
  readonly ca?: readonly string[];
}

/** A CloudEvents service that does what a test tells it, down to the bytes: what no broker would do, too. */
export class ScriptedServer {
  script: ServerScript;
  readonly subscriptions: ScriptedSubscription[] = [];
  /** What was published, in the order in which it came in. */
  readonly published: Event[] = [];
  /** The SHA-256 fingerprint of the client certificate of each connection over TLS; `none` without one. */
  readonly clients: string[] = [];
  /** How many connections there have been. */
  connections = 0;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #port = 0;

  private constructor(script: ServerScript, server: Http2Server | Http2SecureServer) {
    this.script = script;
    this.#server = server;
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on('error', () => undefined);
      session.on('close', () => this.#sessions.delete(session));
    });
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      this.#serve(stream, String(headers[':path'])),
    );
    server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('secureConnection', (socket) => {
      this.clients.push(socket.getPeerX509Certificate()?.fingerprint256 ?? 'none');
    });
  }

  static async start(script: ServerScript = {}, keys?: ServerKeys): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(
      script,
      keys === undefined
        ? createServer({ maxSessionMemory: 1_000 })
        : createSecureServer({
            cert: keys.cert,
            key: keys.key,
            minVersion: 'TLSv1.3',
            ...(keys.ca !== undefined && { ca: [...keys.ca], requestCert: true }),
          }),
    );
    await scripted.listen();
    return scripted;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get openSubscriptions(): ScriptedSubscription[] {
    return this.subscriptions.filter(({ closed }) => !closed);
  }

  /** The newest subscription. */
  get last(): ScriptedSubscription {
    const last = this.subscriptions.at(-1);
    if (last === undefined) throw new Error('nobody has subscribed');
    return last;
  }

  /** On the same port as before, when there was one. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  goAway(code: number = constants.NGHTTP2_NO_ERROR): void {
    for (const session of this.#sessions) session.goaway(code);
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Nobody listens any more, and all connections are closed. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #serve(stream: ServerHttp2Stream, path: string): void {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const message = Buffer.concat(chunks).subarray(PREFIX);
      if (path.endsWith('/Subscribe')) {
        const subscription = new ScriptedSubscription(stream, decodeSubscriptionRequest(message));
        this.subscriptions.push(subscription);
        if (this.script.subscribe === undefined) subscription.accept();
        else this.script.subscribe(subscription);
      } else if (path.endsWith('/Publish')) {
        const decoded = decodeEvent(decodePublishRequest(message));
        this.published.push(decoded);
        const call = new ScriptedPublish(stream, decoded);
        if (this.script.publish === undefined) call.ok();
        else this.script.publish(call);
      } else refuse(stream, 12, `unknown method ${path}`);
    });
  }
}

/** One Subscribe call, as its server sees it. */
export class ScriptedSubscription {
  readonly request: TransportSubscribeRequest;
  readonly stream: ServerHttp2Stream;
  closed = false;

  constructor(stream: ServerHttp2Stream, request: TransportSubscribeRequest) {
    this.stream = stream;
    this.request = request;
    stream.on('close', () => {
      this.closed = true;
    });
  }

  /** Sends the headers, with these values of `subscription-id`. */
  accept(ids: readonly string[] = [randomUUID()]): this {
    const id = ids.length === 0 ? {} : { 'subscription-id': [...ids] };
    this.stream.respond({ ...HEADERS, ...id }, { waitForTrailers: true });
    return this;
  }

  refuse(code: number, message: string): void {
    refuse(this.stream, code, message);
  }

  send(event: Event): void {
    this.bytes(grpcFrame(encodeEvent(event)));
  }

  heartbeat(): void {
    this.bytes(grpcFrame(encodeHeartbeat(randomUUID())));
  }

  /** As they are. */
  bytes(bytes: Uint8Array): void {
    if (!this.stream.destroyed) this.stream.write(bytes);
  }

  end(code: number, message: string): void {
    this.stream.once('wantTrailers', () =>
      this.stream.sendTrailers({ 'grpc-status': String(code), 'grpc-message': message }),
    );
    this.stream.end();
  }

  rst(code: number): void {
    this.stream.close(code);
  }
}

/** One Publish call. */
export class ScriptedPublish {
  readonly event: Event;
  readonly stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, event: Event) {
    this.stream = stream;
    this.event = event;
  }

  ok(): void {
    if (this.stream.destroyed) return;
    this.stream.respond(HEADERS, { waitForTrailers: true });
    this.stream.on('wantTrailers', () => this.stream.sendTrailers({ 'grpc-status': '0' }));
    this.stream.end(grpcFrame(Buffer.alloc(0)));
  }

  fail(code: number, message: string): void {
    refuse(this.stream, code, message);
  }
}

function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  if (stream.destroyed) return;
  stream.respond(
    { ...HEADERS, 'grpc-status': String(code), 'grpc-message': percentEncoded(message) },
    { endStream: true },
  );
}

/** As gRPC wants it: all but printable ASCII, and `%`. */
function percentEncoded(message: string): string {
  return message.replaceAll(/[^ -$&-~]+/g, encodeURIComponent);
}
