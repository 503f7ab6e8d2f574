import type { Ask } from '../delivery/aside.js';
import type { Session } from '../delivery/session.js';
import type { Core } from './core.js';
import { enqueue } from './held.js';
import type { KeptList, ListPlan, ListReader } from './list-plan.js';
import { listOf } from './shared-list.js';

/**
 * A question with a list, written down when the connection can take it, from the state of that moment. A long list is put together over
 * several turns, and sent message by message; what changes meanwhile is followed until it has been sent.
 */
export class ListAsk<T> implements Ask, ListReader {
  readonly key: string;
  readonly #core: Core;
  readonly #session: Session;
  readonly #plan: ListPlan<T>;
  readonly #job: string;
  #state: 'new' | 'reading' | 'resting' | 'over' = 'new';
  #list: KeptList | undefined = undefined;
  /** How many parts of the list have been sent. */
  #sent = 0;

  constructor(core: Core, session: Session, plan: ListPlan<T>) {
    this.key = plan.key;
    this.#core = core;
    this.#session = session;
    this.#plan = plan;
    this.#job = `list to ${session.about.id}\n${plan.key}`;
  }

  get isPending(): boolean {
    return this.#state !== 'over';
  }

  messages(): readonly Uint8Array[] {
    if (this.#state === 'new') this.#begin();
    const list = this.#list;
    return this.#state === 'reading' && list?.isReady === true ? this.#take(list) : [];
  }

  dropped(): void {
    this.#state = 'over';
    this.#list?.leave(this);
    this.#list = undefined;
    this.#core.jobs.delete(this.#job);
  }

  listIsReady(now: number, first: boolean): void {
    if (first) {
      this.#session.flush(now);
      return;
    }
    this.#rest();
  }

  #begin(): void {
    this.#state = 'reading';
    this.#list = listOf(this.#core, this.#plan);
    this.#list.join(this);
  }

  /** The next message; the one after it is made in a later turn. A short list is sent at once, however small the receiver's messages are. */
  #take(list: KeptList): readonly Uint8Array[] {
    const isShort = list.size <= this.#core.options.sliceSize;
    const taken: Uint8Array[] = [];
    while (this.#sent < list.parts && (isShort || taken.length === 0)) {
      taken.push(...list.messages(this.#sent));
      this.#sent += 1;
    }
    if (this.#sent < list.parts) {
      this.#rest();
      return taken;
    }
    if (list.size === 0 && taken.length === 0 && this.#plan.sendsEmpty) taken.push(...list.empty());
    this.dropped();
    return taken;
  }

  #rest(): void {
    this.#state = 'resting';
    enqueue(this.#core, this.#job, (now) => {
      if (this.#state !== 'resting') return;
      this.#state = 'reading';
      this.#session.flush(now);
    });
  }
}
