import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { decodePublishRequest, decodeSubscriptionRequest } from 'ce-broker-proto';

/** What the test server has of one subscription. */
export type TestStream = ServerWritableStream<Buffer, Buffer>;
type TestCall = ServerUnaryCall<Buffer, Buffer>;
type Answer = (error: { code: number; details: string } | null, value: Buffer) => void;

const asItIs = (bytes: Buffer): Buffer => bytes;
const method = (name: string, responseStream: boolean) => ({
  path: `/io.cloudevents.v1.CloudEventService/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
});

/** A server of the CloudEvents service that does what a test says. */
export class TestServer {
  readonly published: Buffer[] = [];
  readonly tokens: (string | undefined)[] = [];
  /** Sent as `subscription-id`. */
  ids: readonly string[] = ['sub-1'];
  onPublish: (event: Buffer, answer: Answer, call: TestCall) => void = (_event, answer) =>
    answer(null, Buffer.alloc(0));
  onSubscribe: (stream: TestStream) => void = () => undefined;
  readonly server: Server;
  port = 0;

  constructor() {
    this.server = new Server({ 'grpc.max_send_message_length': -1 });
    this.server.addService(
      { publish: method('Publish', false), subscribe: method('Subscribe', true) },
      {
        publish: (call: TestCall, answer: Answer) => {
          this.tokens.push(call.metadata.get('authorization')[0]?.toString());
          const event = decodePublishRequest(call.request);
          this.published.push(event);
          this.onPublish(event, answer, call);
        },
        subscribe: (stream: TestStream) => {
          this.tokens.push(stream.metadata.get('authorization')[0]?.toString());
          decodeSubscriptionRequest(stream.request);
          const headers = stream.metadata.clone();
          for (const name of Object.keys(headers.getMap())) headers.remove(name);
          for (const id of this.ids) headers.add('subscription-id', id);
          stream.sendMetadata(headers);
          stream.on('error', () => undefined);
          this.onSubscribe(stream);
        },
      },
    );
  }

  static async start(credentials = ServerCredentials.createInsecure(), port = 0): Promise<TestServer> {
    const test = new TestServer();
    test.port = await new Promise<number>((resolve, reject) => {
      test.server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return test;
  }

  get url(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** GOAWAY; what is under way may end by itself. */
  drain(): void {
    this.server.tryShutdown(() => undefined);
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

/** An HTTP/2 server that answers each stream as a test says: what no gRPC library would send. */
export class RawServer {
  readonly sockets = new Set<Socket>();
  private readonly server: Http2Server;
  port = 0;

  private constructor(onStream: (stream: ServerHttp2Stream, path: string) => void) {
    this.server = createServer();
    this.server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      onStream(stream, String(headers[':path']));
    });
    this.server.on('session', (session) => session.on('error', () => undefined));
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  static async start(onStream: (stream: ServerHttp2Stream, path: string) => void): Promise<RawServer> {
    const raw = new RawServer(onStream);
    raw.server.listen(0, '127.0.0.1');
    await once(raw.server, 'listening');
    raw.port = (raw.server.address() as AddressInfo).port;
    return raw;
  }

  get url(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Without a word. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

export const GRPC_HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

/** One gRPC message: no compression, its length, itself. */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
