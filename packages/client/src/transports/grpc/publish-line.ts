import type { Channel, Metadata } from '@grpc/grpc-js';
import { type BrokerDescription, CeBrokerError, ExtensionFeature } from 'ce-broker-proto';
import type { ExtensionFinder } from './extension-finder.js';
import { PublishStream, type PublishStreamHost } from './publish-stream.js';
import type { QueuedPublish } from './queued-publish.js';

/** Until the stream stands so many go out as calls side by side: a few need not wait, and thousands are cheaper on the stream. */
const MOST_CALLS = 32;
/** What a batch and its numbers cost beside one event. */
const BATCH_OVERHEAD = 32;
/** The longest that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

export interface PublishLineHost {
  readonly server: string;
  readonly channel: Channel;
  metadata(): Metadata;
  /** Publishes it by a call of its own. */
  callFor(publish: QueuedPublish): void;
  /** Why nothing more can be sent; undefined: it can. */
  refusal(): CeBrokerError | undefined;
}

/**
 * The publishes of a connection: in their order over one stream where the server offers it, each by a call of its own where it does not, or
 * where something between refuses the stream.
 */
export class PublishLine implements PublishStreamHost {
  readonly #host: PublishLineHost;
  /** Not sent yet. */
  #queue: QueuedPublish[] = [];
  /** All that wait for their answer on a stream or for their turn, for their time. */
  readonly #timed = new Set<QueuedPublish>();
  /** Those that are calls, as long as there is a choice. */
  readonly #calls = new Set<QueuedPublish>();
  #way: 'unknown' | 'stream' | 'calls' = 'unknown';
  #largest = Number.POSITIVE_INFINITY;
  #stream: PublishStream | undefined;
  #scheduled = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(host: PublishLineHost, finder: ExtensionFinder) {
    this.#host = host;
    finder.ask((description) => this.#found(description));
  }

  get server(): string {
    return this.#host.server;
  }

  add(publish: QueuedPublish): void {
    if (this.#way === 'calls') {
      this.#host.callFor(publish);
      return;
    }
    if (this.#way === 'stream') this.#stream ??= this.#open();
    this.#queue.push(publish);
    this.#time(publish);
    this.#next();
  }

  /** It is answered, or nobody waits for it any more. */
  forget(publish: QueuedPublish): void {
    this.#timed.delete(publish);
    if (this.#calls.delete(publish)) this.#next();
  }

  /** Lets go of the stream. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#queue = [];
    this.#stream?.cancel();
  }

  ready(stream: PublishStream): void {
    if (stream === this.#stream && this.#queue.length > 0) this.#sendSoon();
  }

  ended(stream: PublishStream, served: boolean): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    if (!served) this.#useCalls();
    else if (this.#queue.length > 0) {
      this.#stream = this.#host.refusal() === undefined ? this.#open() : undefined;
      this.#next();
    }
  }

  #found(description: BrokerDescription | undefined): void {
    if (description?.features.includes(ExtensionFeature.publishStream) !== true) {
      this.#useCalls();
      return;
    }
    this.#way = 'stream';
    const { maxMessageBytes } = description.limits;
    if (maxMessageBytes > 0) this.#largest = maxMessageBytes - BATCH_OVERHEAD;
    if (this.#queue.length > 0) this.#stream ??= this.#open();
  }

  #useCalls(): void {
    this.#way = 'calls';
    const queue = this.#queue;
    this.#queue = [];
    this.#calls.clear();
    for (const publish of queue) this.#call(publish);
  }

  /** What waits goes out: on the stream where it stands. */
  #next(): void {
    if (this.#stream?.isOpen === true) {
      this.#sendSoon();
      return;
    }
    while (this.#calls.size < MOST_CALLS && this.#queue.length > 0) {
      const due = this.#queue.splice(0, MOST_CALLS - this.#calls.size);
      for (const publish of due) if (!publish.isOver) this.#calls.add(publish);
      for (const publish of due) this.#call(publish);
    }
  }

  #call(publish: QueuedPublish): void {
    if (publish.isOver) return;
    this.#timed.delete(publish);
    const refusal = this.#host.refusal();
    if (refusal === undefined) this.#host.callFor(publish);
    else publish.fail(refusal);
  }

  /** At the end of the turn: what is published side by side goes out together. */
  #sendSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#way === 'stream') this.#send();
    });
  }

  #send(): void {
    let at = 0;
    while (at < this.#queue.length) {
      const publish = this.#queue[at];
      if (publish === undefined) break;
      if (publish.isOver) at += 1;
      else if (publish.event.byteLength > this.#largest) {
        at += 1;
        this.#call(publish);
      } else {
        const taken = this.#sendFrom(at, publish);
        if (taken === 0) break;
        at += taken;
      }
    }
    if (at > 0) this.#queue = this.#queue.slice(at);
  }

  #sendFrom(at: number, first: QueuedPublish): number {
    const refusal = this.#host.refusal();
    if (refusal !== undefined) {
      first.fail(refusal);
      return 1;
    }
    if (this.#stream === undefined) return 0;
    // The token is another one now: what was sent with the earlier one is answered first.
    if (this.#stream.metadata !== this.#host.metadata()) this.#stream.finish();
    if (!this.#stream.takes(first.event.byteLength)) return 0;
    let end = at;
    while (end < this.#queue.length && (this.#queue[end]?.event.byteLength ?? 0) <= this.#largest) end += 1;
    return this.#stream.send(this.#queue.slice(at, Math.min(end, at + 4_096)));
  }

  #open(): PublishStream {
    return new PublishStream(this.#host.channel, this.#host.metadata(), this);
  }

  #time(publish: QueuedPublish): void {
    this.#timed.add(publish);
    if (publish.expires < this.#timerAt) this.#arm(publish.expires);
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const ms = Math.min(LONGEST_MS, Math.max(1, Math.ceil(at - performance.now())));
    // While something waits, its socket keeps the process alive.
    this.#timer = setTimeout(this.#expire, ms).unref();
  }

  readonly #expire = (): void => {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const publish of this.#timed) {
      if (publish.expires <= now) publish.fail(tooLate(this.#host.server));
      else next = Math.min(next, publish.expires);
    }
    this.#arm(next);
  };
}

export function tooLate(server: string): CeBrokerError {
  return new CeBrokerError('deadline_exceeded', `${server} did not answer a publish in time`);
}
