import type { Core } from './core.js';
import type { KeptList, ListPlan, ListReader } from './list-plan.js';
import { requests, roomForList } from './request-event.js';
import { giveUp, inSlices } from './slices.js';
import type { Turn, Walk } from './walk.js';

/**
 * One list for all who are asked the same: a client that subscribes a thousand times costs one. It is put together over several turns, and
 * follows what changes until nobody needs it; what it was written down as is kept until then.
 */
class SharedList implements KeptList {
  readonly #core: Core;
  readonly #plan: ListPlan<unknown>;
  readonly #job: string;
  readonly #room: number;
  readonly #readers = new Set<ListReader>();
  /** Undefined: it is listed no more. It keeps its place all the same, so that nobody who is in the middle misses another. */
  readonly #entries = new Map<string, unknown>();
  /** The ids of each part: as much as a message takes. */
  readonly #parts: string[][] = [];
  #partBytes = 0;
  readonly #written: (readonly Uint8Array[] | undefined)[] = [];
  #listed = 0;
  #isReady = false;
  #isOver = false;

  constructor(core: Core, plan: ListPlan<unknown>) {
    core.nextListId += 1;
    this.#core = core;
    this.#plan = plan;
    this.#job = `list ${core.nextListId}`;
    this.#room = roomForList(core);
    plan.changes?.partition.afterChange.add(this.#onChange);
    inSlices(core, this.#job, 0, (turn) => this.#collect(turn));
  }

  serves(plan: ListPlan<unknown>): boolean {
    return this.#plan.changes?.partition === plan.changes?.partition;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  get size(): number {
    return this.#listed;
  }

  get parts(): number {
    return this.#parts.length;
  }

  join(reader: ListReader): void {
    this.#readers.add(reader);
  }

  leave(reader: ListReader): void {
    this.#readers.delete(reader);
  }

  close(): void {
    this.#isOver = true;
    this.#plan.changes?.partition.afterChange.delete(this.#onChange);
    giveUp(this.#core, this.#job);
  }

  messages(part: number): readonly Uint8Array[] {
    const written = this.#written[part];
    if (written !== undefined) return written;
    const left = (this.#parts[part] ?? []).map((id) => this.#entries.get(id)).filter(isListed);
    const messages = left.length === 0 ? [] : this.#write(left);
    this.#written[part] = messages;
    return messages;
  }

  empty(): readonly Uint8Array[] {
    return this.#write([]);
  }

  #write(list: readonly unknown[]): readonly Uint8Array[] {
    const { head, kind } = this.#plan;
    return [...requests(this.#core, head, kind, list)];
  }

  *#collect(turn: Turn): Walk {
    let isLater = false;
    turn.atEnd = () => {
      isLater = true;
    };
    for (const [id, entry] of this.#plan.entries()) {
      if (this.#isOver) return;
      if (entry !== undefined) this.#put(id, entry);
      yield;
    }
    this.#isReady = true;
    // Whoever began it writes what is ready at once.
    if (!isLater) return;
    for (const [index, reader] of [...this.#readers].entries()) reader.listIsReady(turn.now, index === 0);
  }

  readonly #onChange = ({ id }: { readonly id: string }): void => {
    const entry = this.#plan.changes?.entryOf(id);
    if (entry !== undefined || this.#entries.has(id)) this.#put(id, entry);
  };

  #put(id: string, entry: unknown): void {
    const { kind } = this.#plan;
    const before = this.#entries.get(id);
    if (before !== undefined && entry !== undefined && kind.isSame(before, entry)) return;
    if (!this.#entries.has(id)) this.#place(id, kind.boundOf(entry));
    this.#entries.set(id, entry);
    this.#listed += (entry === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    this.#written.length = 0;
  }

  #place(id: string, bytes: number): void {
    const last = this.#parts.at(-1);
    this.#partBytes += bytes;
    if (last !== undefined && this.#partBytes <= this.#room) {
      last.push(id);
      return;
    }
    this.#parts.push([id]);
    this.#partBytes = bytes;
  }
}

/** The list that the plan stands for: the one that others are asked with, where there is one. */
export function listOf(core: Core, plan: ListPlan<unknown>): KeptList {
  const key = plan.same ?? plan;
  const known = core.lists.get(key);
  if (known?.serves(plan) === true) return known;
  const list = new SharedList(core, plan);
  core.lists.set(key, list);
  return list;
}

/** Lists stay for a moment after they were read: who asks for much asks for it again. */
export function dropUnreadLists(core: Core): void {
  for (const [key, list] of core.lists) {
    if (list.isRead) continue;
    core.lists.delete(key);
    list.close();
  }
}

function isListed<T>(entry: T | undefined): entry is T {
  return entry !== undefined;
}
