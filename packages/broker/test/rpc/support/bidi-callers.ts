import { once } from 'node:events';
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import {
  attachToServer,
  type InProcessBidi,
  type InProcessBidiListener,
  InProcessEngine,
  type RpcEngineStats,
} from '../../../src/rpc/index.js';
import { TALK, type Talk, TalkService } from './bidi-service.js';
import type { TestEngine } from './engines.js';
import { frame, RawClient } from './raw-client.js';

export const LIMIT = 100_000;
export const BUFFER = 64 * 1024;

/** How a test reaches a server: over a socket, or inside the process. */
interface Caller {
  open(headers?: Record<string, string>): Speaker;
}

/** The client's side of one stream. */
interface Speaker {
  write(message: Uint8Array): void;
  halfClose(): void;
  cancel(): void;
  pause(): void;
  resume(): void;
  /** Resolves with the messages so far, once there are so many. */
  messages(count: number): Promise<string[]>;
  readonly done: Promise<{ status: number | undefined; message: string | undefined }>;
  /** Sends as long as the other side takes it, and gives back how many bytes that were. */
  flood(message: Uint8Array, atMost: number): Promise<number>;
}

export interface Served extends AsyncDisposable {
  readonly service: TalkService;
  readonly caller: Caller;
  readonly faults: unknown[];
  readonly port: number;
  stats(): RpcEngineStats;
}

export async function raw(port: number): Promise<{ caller: Caller; client: RawClient }> {
  const client = new RawClient(`http://127.0.0.1:${port}`);
  const caller: Caller = {
    open: (headers = {}) => {
      const call = client.open(TALK, undefined, headers).read();
      // As gRPC's clients do once they have the status.
      call.stream.once('trailers', () => call.stream.end());
      call.stream.once('response', (first) => {
        if (first['grpc-status'] !== undefined) call.stream.end();
      });
      return {
        write: (message) => void call.stream.write(frame(message)),
        halfClose: () => void call.stream.end(),
        cancel: () => call.stream.close(8),
        pause: () => void call.stream.pause(),
        resume: () => void call.stream.resume(),
        messages: async (count) => (await call.messages(count)).map(String),
        done: call.done,
        flood: async (message, atMost) => {
          let sent = 0;
          while (sent < atMost) {
            const taken = new Promise<boolean>((resolve) => {
              call.stream.write(frame(message), () => resolve(true));
              // Several turns of both sides without progress: flow control holds it.
              let turns = 0;
              const look = (): void => void (++turns > 2_000 ? resolve(false) : setImmediate(look));
              look();
            });
            if (!(await taken)) break;
            sent += message.byteLength;
          }
          return sent;
        },
      };
    },
  };
  await once(client.session, 'connect');
  return { caller, client };
}

export async function own({ make }: TestEngine): Promise<Served> {
  const service = new TalkService();
  const faults: unknown[] = [];
  const engine = make({
    methods: service.methods,
    tls: undefined,
    maxMessageBytes: LIMIT,
    streamBufferBytes: BUFFER,
    keepaliveTimeMs: 30_000,
    keepaliveTimeoutMs: 10_000,
    onFault: (error) => faults.push(error),
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  const { caller, client } = await raw(port);
  return {
    service,
    faults,
    port,
    caller,
    stats: () => engine.stats(),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await engine.close();
    },
  };
}

export async function attached(options: ServerOptions): Promise<Served> {
  const service = new TalkService();
  const faults: unknown[] = [];
  const server = new Server({ ...options, 'grpc.max_receive_message_length': LIMIT });
  const attachment = attachToServer(server, service.methods, {
    streamBufferBytes: BUFFER,
    onFault: (error) => faults.push(error),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const { caller, client } = await raw(port);
  return {
    service,
    faults,
    port,
    caller,
    stats: () => attachment.stats(),
    [Symbol.asyncDispose]: async () => {
      client.close();
      server.forceShutdown();
    },
  };
}

class InProcessSpeaker implements Speaker, InProcessBidiListener {
  readonly done: Speaker['done'];
  private readonly bidi: InProcessBidi;
  private readonly seen: string[] = [];
  private settle: (end: { status: number; message: string }) => void = () => undefined;
  private waiting: (() => void)[] = [];
  private rooms: (() => void)[] = [];

  constructor(open: (listener: InProcessBidiListener) => InProcessBidi) {
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.bidi = open(this);
  }

  headers(): void {}
  message(message: Uint8Array): void {
    this.seen.push(Buffer.from(message).toString());
    for (const resolve of this.waiting.splice(0)) resolve();
  }
  ended(status: number, message: string): void {
    this.settle({ status, message });
    this.writable();
  }
  writable(): void {
    for (const resolve of this.rooms.splice(0)) resolve();
  }
  write(message: Uint8Array): void {
    this.bidi.write(message);
  }
  halfClose(): void {
    this.bidi.halfClose();
  }
  cancel(): void {
    this.bidi.cancel();
  }
  pause(): void {
    this.bidi.pause();
  }
  resume(): void {
    this.bidi.resume();
  }
  async messages(count: number): Promise<string[]> {
    while (this.seen.length < count) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.seen;
  }
  async flood(message: Uint8Array, atMost: number): Promise<number> {
    let sent = 0;
    while (sent < atMost && this.bidi.writableBytes() > 0) {
      this.bidi.write(message);
      sent += message.byteLength;
    }
    return sent;
  }
}

export async function inProcess(): Promise<Served> {
  const service = new TalkService();
  const faults: unknown[] = [];
  const engine = new InProcessEngine({
    methods: service.methods,
    maxMessageBytes: LIMIT,
    streamBufferBytes: BUFFER,
    onFault: (error) => faults.push(error),
  });
  const connection = engine.connect('test');
  return {
    service,
    faults,
    port: 0,
    caller: {
      open: (headers) => new InProcessSpeaker((listener) => connection.bidi(TALK, listener, headers)),
    },
    stats: () => engine.stats(),
    [Symbol.asyncDispose]: async () => engine.close(),
  };
}

export async function talking(served: Served): Promise<{ speaker: Speaker; talk: Talk }> {
  const next = served.service.next();
  const speaker = served.caller.open();
  return { speaker, talk: await next };
}
