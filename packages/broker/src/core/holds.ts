import type { Holding } from '../delivery/holding.js';
import type { Session } from '../delivery/session.js';
import type { Place } from '../state/place.js';
import type { Cell, Resource, ResourceView } from '../state/resource.js';
import type { DeletionGuard } from './deletion-guard.js';
import type { HoldEntries } from './hold-entries.js';

/**
 * What a hold is about. `cluster`: what goes to its agents. `source`: what that source wants, on any cluster; the statuses go on to it.
 * `resource`: one resource, both ways.
 */
export type HoldTarget =
  | { readonly kind: 'cluster' | 'source'; readonly name: string }
  | {
      readonly kind: 'resource';
      readonly name: string;
      readonly cluster: string;
      readonly dataType: string;
    };

/** A hold: who paused what, when and why. */
export type Hold = HoldTarget & {
  /** In milliseconds since 1970. */
  readonly since: number;
  readonly by: string;
  readonly reason: string;
};

type Where = Pick<Place, 'cluster' | 'dataType'>;

/** Which cells wait: what operators hold, and deletions that wait for consent. A look-up costs the same with one hold or with thousands. */
export class Holds implements Holding {
  readonly #entries: HoldEntries;
  readonly #deletions: DeletionGuard;
  readonly #reconciling: Holding;
  readonly #clusters = new Map<string, Hold>();
  readonly #sources = new Map<string, Hold>();
  /** By id; those of one id on different clusters and of different types beside each other. */
  readonly #resources = new Map<string, readonly Hold[]>();
  /** The key of each in the store, in the order in which they were placed. */
  readonly #keys = new Map<Hold, string>();

  constructor(entries: HoldEntries, deletions: DeletionGuard, reconciling: Holding) {
    this.#entries = entries;
    this.#deletions = deletions;
    this.#reconciling = reconciling;
  }

  /** Takes up what was held before this start. */
  restore(): void {
    for (const [key, value] of this.#entries.saved()) {
      const hold = readHold(value);
      if (hold !== undefined) this.#keep(hold, key);
      else this.#deletions.restore(key, value);
    }
  }

  /** Calls back once what is held is safe in the store. */
  whenSaved(done: () => void): void {
    this.#entries.whenSaved(done);
  }

  /** The store has made something durable. */
  settle(): void {
    this.#entries.settle();
  }

  get any(): boolean {
    return this.#keys.size > 0 || this.#deletions.any || this.#reconciling.any;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** In the order in which they were placed. */
  all(): Iterable<Hold> {
    return this.#keys.keys();
  }

  covers(cell: Cell): boolean {
    return (
      this.of(cell.resource, cell) !== undefined ||
      this.#deletions.covers(cell.resource, cell) ||
      this.#reconciling.covers(cell)
    );
  }

  /** The hold for which the newest event of the cell waits: of the resource, its cluster or its source, in this order. */
  of(
    resource: Resource | ResourceView,
    cell: { readonly kind: Cell['kind'] } = { kind: 'spec' },
  ): Hold | undefined {
    if (this.#keys.size === 0) return undefined;
    const { id, owner, place } = resource;
    const own = this.#resources.get(id)?.find((hold) => isOn(hold, place));
    if (own !== undefined || cell.kind !== 'spec') return own;
    const ofCluster = this.#clusters.get(place.cluster);
    if (ofCluster !== undefined || owner === undefined) return ofCluster;
    return this.#sources.get(owner);
  }

  find(target: HoldTarget): Hold | undefined {
    if (target.kind !== 'resource')
      return (target.kind === 'cluster' ? this.#clusters : this.#sources).get(target.name);
    const { cluster, dataType } = target;
    return this.#resources.get(target.name)?.find((hold) => isOn(hold, { cluster, dataType }));
  }

  add(hold: Hold): void {
    this.#keep(hold, this.#entries.add(hold));
  }

  /** Takes up what another store had; false: there is nothing to take, or it is held already. */
  take(value: Readonly<Record<string, unknown>>): boolean {
    const hold = readHold(value);
    if (hold !== undefined && this.find(hold) !== undefined) return false;
    if (hold === undefined && value['kind'] !== 'deletions') return false;
    const key = this.#entries.add(value);
    if (hold !== undefined) this.#keep(hold, key);
    else this.#deletions.restore(key, value);
    return true;
  }

  remove(hold: Hold): void {
    this.#entries.remove(this.#keys.get(hold) ?? '');
    this.#keys.delete(hold);
    if (hold.kind === 'cluster') this.#clusters.delete(hold.name);
    else if (hold.kind === 'source') this.#sources.delete(hold.name);
    else {
      const left = (this.#resources.get(hold.name) ?? []).filter((other) => other !== hold);
      if (left.length > 0) this.#resources.set(hold.name, left);
      else this.#resources.delete(hold.name);
    }
  }

  #keep(hold: Hold, key: string): void {
    this.#keys.set(hold, key);
    if (hold.kind === 'cluster') this.#clusters.set(hold.name, hold);
    else if (hold.kind === 'source') this.#sources.set(hold.name, hold);
    else this.#resources.set(hold.name, [...(this.#resources.get(hold.name) ?? []), hold]);
  }
}

/** A hold as a text: `cluster c1`, `resource x of io.example.v1.works on c1`. */
export function nameOf(target: HoldTarget): string {
  if (target.kind !== 'resource') return `${target.kind} ${target.name}`;
  return `resource ${target.name} of ${target.dataType} on ${target.cluster}`;
}

/** What is held has changed: what the session still has to see is sorted anew, and goes out where it may. */
export function resort(session: Session, now: number): void {
  if (session.dirty.size === 0 && session.held.size === 0) return;
  session.sortHeld(now);
  session.flush(now);
}

function isOn(hold: Hold, place: Where): boolean {
  return hold.kind === 'resource' && hold.cluster === place.cluster && hold.dataType === place.dataType;
}

function readHold(value: Readonly<Record<string, unknown>>): Hold | undefined {
  const { by, cluster, dataType, kind, name, reason, since } = value;
  if (typeof name !== 'string' || typeof by !== 'string' || typeof reason !== 'string') return undefined;
  if (typeof since !== 'number') return undefined;
  if (kind === 'cluster' || kind === 'source') return Object.freeze({ kind, name, since, by, reason });
  if (kind !== 'resource' || typeof cluster !== 'string' || typeof dataType !== 'string') return undefined;
  return Object.freeze({ kind, name, cluster, dataType, since, by, reason });
}
