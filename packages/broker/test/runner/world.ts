import { DataTypePolicies } from '../../src/access/data-type-policy.js';
import { ANONYMOUS, type Identity } from '../../src/access/identity.js';
import { BrokerCore } from '../../src/core/broker-core.js';
import type { CoreOptions } from '../../src/core/options.js';
import type { CoreNote, PublishCall } from '../../src/core/port.js';
import type { Outlet } from '../../src/delivery/outlet.js';
import type { Session } from '../../src/delivery/session.js';
import type { EventStore } from '../../src/state/event-store.js';
import { StrictStore } from './strict-store.js';

const TICK_MS = 250;
/** The clock of a script starts here. */
const START = Date.parse('2026-01-01T00:00:00Z');

/** One subscriber as the script sees it: what it took, and whether its connection takes more. */
export class Subscriber implements Outlet {
  readonly label: string;
  readonly taken: Uint8Array[] = [];
  ended: { code: number; message: string; connection: boolean } | undefined;
  frozen = false;
  session: Session | undefined;
  readonly #onWrite: (subscriber: Subscriber, message: Uint8Array) => void;
  readonly #onEnd: (subscriber: Subscriber) => void;

  constructor(
    label: string,
    onWrite: (subscriber: Subscriber, message: Uint8Array) => void,
    onEnd: (subscriber: Subscriber) => void,
  ) {
    this.label = label;
    this.#onWrite = onWrite;
    this.#onEnd = onEnd;
  }

  writableBytes(): number {
    return this.frozen ? 0 : 1 << 20;
  }

  write(message: Uint8Array): void {
    this.taken.push(message);
    this.#onWrite(this, message);
  }

  end(code: number, message: string): void {
    this.ended = { code, message, connection: false };
    this.#onEnd(this);
  }

  endConnection(code: number, message: string): void {
    this.ended = { code, message, connection: true };
    this.#onEnd(this);
  }
}

export interface Answer {
  readonly code: number;
  readonly message: string;
}

export interface WorldListener {
  wrote(subscriber: Subscriber, message: Uint8Array): void;
  ended(subscriber: Subscriber): void;
  noted(note: CoreNote): void;
}

/** Which store the broker has, and what is done with it between the commands. */
export interface WorldStores {
  readonly make: () => EventStore;
  readonly options?: Partial<CoreOptions>;
  readonly settled?: (world: World) => void;
  /** What is done after each piece of work that was put off. */
  readonly afterTurn?: (world: World) => void;
  /** Takes a backup; the function makes a store of it. */
  readonly backup?: (world: World) => () => EventStore;
}

export const inMemory: WorldStores = { make: () => new StrictStore() };

/** A broker core, a clock that only the script moves, and the subscribers of one scenario. */
export class World {
  now = START;
  core: BrokerCore;
  readonly subscribers = new Map<string, Subscriber>();
  readonly #options: Partial<CoreOptions>;
  readonly #listener: WorldListener;
  readonly #stores: WorldStores;
  /** How many pieces of work that was put off are done when something has happened; the rest waits. */
  workAtOnce = Number.POSITIVE_INFINITY;
  #ids = 0;
  #backup: (() => EventStore) | undefined;

  constructor(options: Partial<CoreOptions>, listener: WorldListener, stores: WorldStores = inMemory) {
    this.#stores = stores;
    this.#options = { ...stores.options, ...options };
    this.#listener = listener;
    this.core = this.#newCore(stores.make());
  }

  newId(): string {
    this.#ids += 1;
    return `e${this.#ids}`;
  }

  subscribe(label: string, request: { source: string; clusterName: string; dataType: string }): void {
    const subscriber = new Subscriber(
      label,
      (who, message) => this.#listener.wrote(who, message),
      (who) => {
        this.subscribers.delete(who.label);
        this.#listener.ended(who);
      },
    );
    this.subscribers.set(label, subscriber);
    try {
      subscriber.session = this.core.subscribe(subscriber, request, ANONYMOUS, this.now);
    } catch (error) {
      this.subscribers.delete(label);
      throw error;
    }
    this.settle();
  }

  publish(request: Uint8Array, identity: Identity = ANONYMOUS): Answer {
    let answer: Answer | undefined;
    const call: PublishCall = {
      reply: () => {
        answer = { code: 0, message: '' };
      },
      fail: (code, message) => {
        answer = { code, message };
      },
    };
    this.core.publish(call, request, identity, this.now);
    if (answer === undefined) throw new Error('a Publish was not answered');
    return answer;
  }

  /** Runs what was put off to a later turn. */
  settle(): void {
    this.work(this.workAtOnce);
  }

  /** The same, so many pieces of it. */
  work(most: number): void {
    for (let done = 0; done < most && this.core.view.jobs.size > 0; done += 1) {
      this.core.runJobs(this.now);
      this.#stores.afterTurn?.(this);
    }
    this.#stores.settled?.(this);
  }

  wait(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(end, this.now + TICK_MS);
      this.core.tick(this.now);
      this.settle();
    }
  }

  drop(label: string): void {
    const subscriber = this.subscriber(label);
    this.subscribers.delete(label);
    if (subscriber.session !== undefined) this.core.closed(subscriber.session, true);
  }

  freeze(label: string): void {
    this.subscriber(label).frozen = true;
  }

  thaw(label: string): void {
    const subscriber = this.subscriber(label);
    subscriber.frozen = false;
    if (subscriber.session !== undefined) this.core.writable(subscriber.session, this.now);
    this.settle();
  }

  /** The broker starts again and has lost everything; `remembering`: but the entries of its own, such as what is held. */
  restart(remembering = false): void {
    this.subscribers.clear();
    const store = this.#stores.make();
    if (remembering) {
      for (const [key, value] of this.core.view.store.entries('')) store.setEntry(key, value);
    }
    this.core = this.#newCore(store);
  }

  /** What the store has now is what `restore` brings back. */
  backup(): void {
    const { backup } = this.#stores;
    if (backup === undefined) throw new Error('this store has no backup');
    this.#backup = backup(this);
  }

  /** The broker starts again with the store of the last backup. */
  restore(): void {
    if (this.#backup === undefined) throw new Error('there is no backup');
    this.subscribers.clear();
    this.core = this.#newCore(this.#backup());
  }

  subscriber(label: string): Subscriber {
    const subscriber = this.subscribers.get(label);
    if (subscriber === undefined) throw new Error(`nobody is subscribed as ${label}`);
    return subscriber;
  }

  #newCore(store: EventStore): BrokerCore {
    return new BrokerCore({
      store,
      clock: () => this.now,
      policies: new DataTypePolicies(),
      options: this.#options,
      port: {
        wake: () => {},
        newId: () => this.newId(),
        note: (note) => this.#listener.noted(note),
      },
    });
  }
}
