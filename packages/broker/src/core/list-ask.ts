import type { Ask, Session } from '../delivery/session.js';
import type { Partition } from '../state/partition.js';
import type { Core } from './core.js';
import { enqueue } from './held.js';
import { type ListKind, type RequestHead, requests } from './request-event.js';
import { giveUp, inSlices } from './slices.js';
import type { Turn, Walk } from './walk.js';

/** What a resync request lists, and how that is found. */
export interface ListPlan<T> {
  readonly key: string;
  readonly head: RequestHead;
  readonly kind: ListKind<T>;
  /** The ids and what stands in the list of each; undefined: nothing does. */
  entries(): Iterable<readonly [id: string, entry: T | undefined]>;
  /** Where what stands in the list may change while it is put together. */
  readonly changes?: { readonly partition: Partition; entryOf(id: string): T | undefined } | undefined;
  /** Whether an empty list is sent: it asks for everything. */
  readonly sendsEmpty: boolean;
}

/**
 * A question with a list, written down when the connection can take it, from the state of that moment. A long list is put together over
 * several turns, and sent message by message; what changes meanwhile is followed until it has been sent.
 */
export class ListAsk<T> implements Ask {
  readonly key: string;
  readonly #core: Core;
  readonly #session: Session;
  readonly #plan: ListPlan<T>;
  readonly #job: string;
  #state: 'new' | 'collecting' | 'ready' | 'resting' | 'over' = 'new';
  readonly #entries = new Map<string, T>();
  #messages: Iterator<Uint8Array, void> | undefined = undefined;

  constructor(core: Core, session: Session, plan: ListPlan<T>) {
    this.key = plan.key;
    this.#core = core;
    this.#session = session;
    this.#plan = plan;
    this.#job = `list ${session.about.id}\n${plan.key}`;
  }

  get isPending(): boolean {
    return this.#state !== 'over';
  }

  messages(): readonly Uint8Array[] {
    if (this.#state === 'new') this.#begin();
    return this.#state === 'ready' ? this.#take() : [];
  }

  dropped(): void {
    this.#state = 'over';
    this.#plan.changes?.partition.afterChange.delete(this.#onChange);
    this.#entries.clear();
    giveUp(this.#core, this.#job);
  }

  #begin(): void {
    this.#state = 'collecting';
    this.#plan.changes?.partition.afterChange.add(this.#onChange);
    inSlices(this.#core, this.#job, 0, (turn) => this.#collect(turn));
  }

  *#collect(turn: Turn): Walk {
    let isLater = false;
    turn.atEnd = () => {
      isLater = true;
    };
    for (const [id, entry] of this.#plan.entries()) {
      if (this.#state !== 'collecting') return;
      if (entry !== undefined) this.#entries.set(id, entry);
      yield;
    }
    this.#state = 'ready';
    // Whoever began it writes what is ready at once.
    if (isLater) this.#session.flush(turn.now);
  }

  readonly #onChange = ({ id }: { readonly id: string }): void => {
    const entry = this.#plan.changes?.entryOf(id);
    if (entry === undefined) this.#entries.delete(id);
    else this.#entries.set(id, entry);
  };

  /** The next message; the one after it is made in a later turn. */
  #take(): readonly Uint8Array[] {
    const { head, kind, sendsEmpty } = this.#plan;
    if (this.#messages === undefined && this.#entries.size === 0 && !sendsEmpty) {
      this.dropped();
      return [];
    }
    this.#messages ??= requests(this.#core, head, kind, this.#entries.values());
    const { done, value } = this.#messages.next();
    if (done === true) this.dropped();
    else if (this.#entries.size <= this.#core.options.sliceSize) {
      // A short list is sent at once, however small the receiver's messages are.
      const rest = [value];
      for (let next = this.#messages.next(); next.done !== true; next = this.#messages.next())
        rest.push(next.value);
      this.dropped();
      return rest;
    } else {
      this.#state = 'resting';
      enqueue(this.#core, this.#job, (now) => {
        if (this.#state !== 'resting') return;
        this.#state = 'ready';
        this.#session.flush(now);
      });
      return [value];
    }
    return [];
  }
}
