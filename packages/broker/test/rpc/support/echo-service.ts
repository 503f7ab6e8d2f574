import type { RpcMethods, ServerStream, StreamListener, UnaryCall } from '../../../src/rpc/index.js';

export const PUBLISH = '/test.Echo/Publish';
export const HOLD = '/test.Echo/Hold';
export const SUBSCRIBE = '/test.Echo/Subscribe';
const EMPTY = new Uint8Array(0);

/** A subscription as the service sees it, with what its listener was told. */
export class Subscription implements StreamListener {
  readonly stream: ServerStream;
  readonly request: Buffer;
  writables = 0;
  closes: boolean[] = [];
  readonly over: Promise<boolean>;
  private settle: (byPeer: boolean) => void = () => undefined;
  private roomWaiters: (() => void)[] = [];

  constructor(stream: ServerStream, request: Uint8Array) {
    this.stream = stream;
    this.request = Buffer.from(request);
    this.over = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  writable(): void {
    this.writables++;
    for (const resolve of this.roomWaiters.splice(0)) resolve();
  }

  room(): Promise<void> {
    if (this.stream.writableBytes() > 0) return Promise.resolve();
    return new Promise((resolve) => this.roomWaiters.push(resolve));
  }

  closed(byPeer: boolean): void {
    this.closes.push(byPeer);
    this.settle(byPeer);
  }
}

/**
 * Publish delivers to every subscription and answers empty; a request that starts with `fail:CODE:` is refused. Hold keeps
 * its call until the test answers it. Subscribe sends its header at once.
 */
export class EchoService {
  readonly subscriptions: Subscription[] = [];
  readonly held: UnaryCall[] = [];
  private openWaiters: { count: number; resolve: () => void }[] = [];
  private heldWaiters: { count: number; resolve: () => void }[] = [];

  readonly methods: RpcMethods = {
    [PUBLISH]: {
      kind: 'unary',
      handle: (call, request) => {
        const text = Buffer.from(request.subarray(0, 64)).toString();
        const refusal = /^fail:(\d+):(.*)$/s.exec(text);
        if (text.startsWith('throw')) throw new Error('a bug above the seam');
        if (refusal !== null) {
          call.fail(Number(refusal[1]), refusal[2] ?? '');
          return;
        }
        const copy = Buffer.from(request);
        for (const { stream } of this.subscriptions) stream.write(copy);
        call.reply(EMPTY);
      },
    },
    [HOLD]: {
      kind: 'unary',
      handle: (call) => {
        this.held.push(call);
        this.heldWaiters = release(this.heldWaiters, this.held.length);
      },
    },
    [SUBSCRIBE]: {
      kind: 'server-stream',
      open: (stream, request) => {
        const subscription = new Subscription(stream, request);
        stream.listener = subscription;
        this.subscriptions.push(subscription);
        stream.sendHeaders({ 'subscription-id': stream.header('x-want-id') ?? 'sub' });
        this.openWaiters = release(this.openWaiters, this.subscriptions.length);
      },
    },
  };

  /** Resolves when so many subscriptions have been opened in all. */
  opened(count: number): Promise<void> {
    if (this.subscriptions.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.openWaiters.push({ count, resolve }));
  }

  holding(count: number): Promise<void> {
    if (this.held.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.heldWaiters.push({ count, resolve }));
  }

  subscription(index: number): Subscription {
    const subscription = this.subscriptions[index];
    if (subscription === undefined) throw new Error(`no subscription ${index}`);
    return subscription;
  }
}

function release<W extends { count: number; resolve: () => void }>(waiters: W[], reached: number): W[] {
  return waiters.filter(({ count, resolve }) => {
    if (reached < count) return true;
    resolve();
    return false;
  });
}
