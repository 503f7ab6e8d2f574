import type { Holding } from '../delivery/holding.js';
import type { Session } from '../delivery/session.js';
import type { EventStore } from '../state/event-store.js';
import type { Verdict } from '../state/ordering.js';
import type { Partition } from '../state/partition.js';
import type { Resource } from '../state/resource.js';
import type { CellKind } from '../state/stored.js';
import type { Envelope } from '../wire/envelope.js';

/** The entry in the store by which a restored one is known. */
export const RECONCILING_ENTRY = 'reconciling';

/** What a restored store is marked with. */
export interface Restored {
  /** Everything up to this position is as old as the backup. */
  readonly upTo: number;
  /** When it was restored, in milliseconds since 1970. */
  readonly since: number;
}

/** A source that was asked for everything. */
export interface AskedSource {
  /** With the newest session of the source at that time. */
  readonly partitions: Map<Partition, number>;
  /** When it was asked or answered last. */
  heardAt: number;
}

/** How far a restored broker is. */
export interface ReconcileProgress extends Restored {
  /** Sources that have not confirmed what the broker has of theirs, and on how many clusters and types. */
  readonly sources: ReadonlyMap<string, number>;
  /** Clusters whose agents have not confirmed their statuses. */
  readonly clusters: readonly string[];
}

/**
 * A store that was restored from a backup knows older specs, deletions of what was created again since, and resources that are deleted
 * since. So nothing of before the backup goes out until its source was asked for everything, each id of the broker's by version 0, so that it
 * is sent again or deleted; or until an operator says that the backup is all there is.
 */
export class Reconciling implements Holding {
  readonly #store: EventStore;
  #restored: Restored | undefined;
  /** What nobody has confirmed yet: the sources of each partition. */
  readonly specs = new Map<Partition, Set<string>>();
  /** Partitions whose agents have not confirmed their statuses. */
  readonly statuses = new Set<Partition>();
  readonly asked = new Map<string, AskedSource>();
  readonly agentsHeardAt = new Map<Partition, number>();
  nextLook = 0;

  constructor(store: EventStore) {
    this.#store = store;
    for (const [key, value] of store.entries(RECONCILING_ENTRY)) {
      if (key === RECONCILING_ENTRY) this.#restored = readMark(value);
    }
  }

  get any(): boolean {
    return this.#restored !== undefined;
  }

  /** Undefined: the store was not restored, or that is over. */
  get progress(): ReconcileProgress | undefined {
    if (this.#restored === undefined) return undefined;
    const sources = new Map<string, number>();
    for (const owners of this.specs.values())
      for (const owner of owners) sources.set(owner, (sources.get(owner) ?? 0) + 1);
    const clusters = [...new Set([...this.statuses].map(({ cluster }) => cluster))];
    return { ...this.#restored, sources, clusters };
  }

  /** What the store had at its start is what has to be confirmed. */
  begin(partitions: Iterable<Partition>): void {
    for (const partition of partitions) {
      if (partition.keep !== 'durable' || partition.size === 0) continue;
      if (partition.owned.size > 0) this.specs.set(partition, new Set(partition.owned.keys()));
      this.statuses.add(partition);
    }
  }

  /** The newest event of the cell is as old as the backup, and nobody has confirmed it. */
  covers({
    kind,
    position,
    resource,
  }: {
    readonly kind: CellKind;
    readonly position: number;
    readonly resource: Pick<Resource, 'owner' | 'place'>;
  }): boolean {
    if (this.#restored === undefined || position > this.#restored.upTo) return false;
    const place = resource.place as Partition;
    if (kind === 'spec') return this.specs.get(place)?.has(resource.owner ?? '') === true;
    return kind === 'status' && this.statuses.has(place);
  }

  /**
   * The source is asked for its specs. True: what is not confirmed is to be listed at version 0, once for each session of the source;
   * after that as always, since it is busy answering.
   */
  asks(partition: Partition, source: string, sessions: readonly Session[], now: number): boolean {
    if (this.specs.get(partition)?.has(source) !== true) return false;
    const newest = Math.max(...sessions.map(({ about }) => about.id));
    const asked = this.asked.get(source) ?? { partitions: new Map<Partition, number>(), heardAt: now };
    this.asked.set(source, asked);
    if ((asked.partitions.get(partition) ?? 0) >= newest) return false;
    asked.partitions.set(partition, newest);
    asked.heardAt = now;
    return true;
  }

  /**
   * Is this spec of the owner newer than what the backup has? It is, unless it was stamped before that: versions of before count for
   * nothing, since the resource may have been created again. Undefined: there is nothing to doubt.
   */
  judge(resource: Resource, event: Envelope, now: number): Verdict | undefined {
    if (this.#restored === undefined) return undefined;
    const asked = this.asked.get(event.source);
    if (asked !== undefined && event.type.action === 'resync_response') asked.heardAt = now;
    const { spec } = resource;
    if (spec === undefined || !this.covers(spec)) return undefined;
    if (event.time !== 0 && event.time < spec.stampedAt) return undefined;
    if (event.deleting) return 'take';
    return spec.deleting || (event.version !== 0n && event.version < resource.newestVersion)
      ? 'new-life'
      : 'take';
  }

  /** A deletion that is as old as the backup is owed to nobody: the agents may hold the life after it already. */
  isOld(position: number): boolean {
    return this.#restored !== undefined && position <= this.#restored.upTo;
  }

  /** An agent of the partition has reported something. */
  heardAgent(partition: Partition, now: number): void {
    if (this.statuses.has(partition)) this.agentsHeardAt.set(partition, now);
  }

  /** Nothing is left to confirm. */
  get isDone(): boolean {
    return this.specs.size + this.statuses.size === 0;
  }

  end(): void {
    this.#restored = undefined;
    this.specs.clear();
    this.statuses.clear();
    this.asked.clear();
    this.#store.setEntry(RECONCILING_ENTRY, undefined);
  }
}

/** The mark of a restored store. */
export function reconcilingMark(restored: Restored): string {
  return JSON.stringify(restored);
}

function readMark(text: string): Restored {
  const { since, upTo } = JSON.parse(text) as Restored;
  return { since, upTo };
}
