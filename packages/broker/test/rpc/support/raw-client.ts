import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';

/** What a raw call came to: gRPC status and text from trailers (or a trailers-only header block), messages, HTTP/2 code. */
export interface Outcome {
  readonly status: number | undefined;
  readonly message: string | undefined;
  readonly messages: Buffer[];
  readonly headers: IncomingHttpHeaders | undefined;
  readonly resetCode: number;
}

export function frame(message: Uint8Array, compressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}

/** Splits a gRPC body into messages. */
export function unframe(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    messages.push(body.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

/** One open call on the wire. */
export class RawCall {
  readonly stream: ClientHttp2Stream;
  readonly headers: Promise<IncomingHttpHeaders>;
  readonly done: Promise<Outcome>;
  private body = Buffer.alloc(0);
  private waiting: { count: number; resolve: (messages: Buffer[]) => void }[] = [];

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    let first: IncomingHttpHeaders | undefined;
    let trailers: IncomingHttpHeaders | undefined;
    this.headers = new Promise((resolve) => {
      stream.once('response', (headers) => {
        first = headers;
        resolve(headers);
      });
    });
    stream.on('trailers', (headers) => {
      trailers = headers;
    });
    stream.on('error', () => undefined);
    this.done = new Promise((resolve) => {
      stream.once('close', () => {
        const from = trailers ?? first ?? {};
        const status = from['grpc-status'];
        const message = from['grpc-message'];
        resolve({
          status: status === undefined ? undefined : Number(status),
          message: typeof message === 'string' ? decodeURIComponent(message) : undefined,
          messages: unframe(this.body),
          headers: first,
          resetCode: stream.rstCode ?? 0,
        });
      });
    });
  }

  /** Starts reading. Without it flow control stops the server. */
  read(): this {
    this.stream.on('data', (chunk: Buffer) => {
      this.body = Buffer.concat([this.body, chunk]);
      const messages = unframe(this.body);
      this.waiting = this.waiting.filter(({ count, resolve }) => {
        if (messages.length < count) return true;
        resolve(messages);
        return false;
      });
    });
    return this;
  }

  /** Resolves when so many messages have come in all. */
  messages(count: number): Promise<Buffer[]> {
    const now = unframe(this.body);
    if (now.length >= count) return Promise.resolve(now);
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }
}

/** A gRPC client of bare node:http2. */
export class RawClient {
  readonly session: ClientHttp2Session;
  readonly closed: Promise<void>;
  readonly goaway: Promise<number>;

  constructor(url: string, options: SecureClientSessionOptions = {}) {
    this.session = connect(url, options);
    this.session.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.session.once('close', () => resolve()));
    this.goaway = new Promise((resolve) => this.session.once('goaway', (code) => resolve(code)));
  }

  open(path: string, body: Uint8Array | undefined, headers: Record<string, string> = {}): RawCall {
    const stream = this.session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const call = new RawCall(stream);
    if (body !== undefined) stream.end(body);
    return call;
  }

  /** Sends one message and reads until the call is over. */
  call(path: string, message: Uint8Array, headers: Record<string, string> = {}): Promise<Outcome> {
    return this.open(path, frame(message), headers).read().done;
  }

  close(): void {
    this.session.destroy();
  }
}
