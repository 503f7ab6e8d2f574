import type { BidiListener, BidiStream, RpcMethods } from '../../../src/rpc/index.js';

export const TALK = '/test.Echo/Talk';

/** A stream in both directions as its owner sees it. */
export class Talk implements BidiListener {
  readonly stream: BidiStream;
  readonly received: Buffer[] = [];
  readonly over: Promise<boolean>;
  closes = 0;
  halfClosedAfter: number | undefined;
  /** Asks for the next message as soon as one has come. */
  eager = false;
  /** What `ending` answers; it is remembered what it was told. */
  answersFirst = false;
  toldEnding: string | undefined;
  private settle: (byPeer: boolean) => void = () => undefined;
  private waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  constructor(stream: BidiStream) {
    this.stream = stream;
    this.over = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** Resolves when so many messages have come in all. */
  messages(count: number): Promise<void> {
    return this.until(() => this.received.length >= count);
  }

  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ done, resolve }));
  }

  message(message: Uint8Array): void {
    this.received.push(Buffer.from(message));
    if (message.byteLength === 5 && Buffer.from(message).toString() === 'throw')
      throw new Error('a bug above the seam');
    if (this.eager) this.stream.read();
    this.look();
  }

  halfClosed(): void {
    this.halfClosedAfter = this.received.length;
    this.look();
  }

  ending(code: number, message: string): boolean {
    this.toldEnding = `${code} ${message}`;
    this.look();
    return this.answersFirst;
  }

  writable(): void {
    this.look();
  }

  closed(byPeer: boolean): void {
    this.closes += 1;
    this.settle(byPeer);
    this.look();
  }

  private look(): void {
    const due = this.waiting.filter(({ done }) => done());
    this.waiting = this.waiting.filter((one) => !due.includes(one));
    for (const { resolve } of due) resolve();
  }
}

/** Keeps every stream for the test, which asks, answers and ends. */
export class TalkService {
  readonly talks: Talk[] = [];
  private waiting: ((talk: Talk) => void)[] = [];

  readonly methods: RpcMethods = {
    [TALK]: {
      kind: 'bidi-stream',
      open: (stream) => {
        const talk = new Talk(stream);
        stream.listener = talk;
        if (stream.header('x-throw') !== undefined) throw new Error('a bug above the seam');
        stream.sendHeaders({ 'x-open': 'yes' });
        this.talks.push(talk);
        this.waiting.shift()?.(talk);
      },
    },
  };

  /** The next stream that is opened; ask before opening it. */
  next(): Promise<Talk> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
