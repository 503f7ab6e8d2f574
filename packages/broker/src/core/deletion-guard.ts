import type { Partition } from '../state/partition.js';
import type { Place } from '../state/place.js';
import type { Cell, Resource, ResourceView } from '../state/resource.js';
import type { Envelope } from '../wire/envelope.js';
import { DeletionWindow } from './deletion-window.js';
import type { HoldEntries } from './hold-entries.js';
import type { Walk } from './walk.js';

/** When deletions are too many to be meant. */
export interface MassDeletion {
  /** Of the resources of one data type on one cluster, above 0 and below 1. */
  readonly share: number;
  /** In milliseconds. */
  readonly withinMs: number;
  /** Fewer deletions than these are never too many. */
  readonly least: number;
}

/** From this position on the deletions of one data type on one cluster wait for consent. */
export interface HeldDeletions {
  readonly kind: 'deletions';
  readonly cluster: string;
  readonly dataType: string;
  readonly after: number;
  /** In milliseconds since 1970. */
  readonly since: number;
  /** How many there had been within the time, with the first one that waits, and of how many resources. */
  readonly deleted: number;
  readonly of: number;
  /** Not because there were too many: the first one was discarded before. */
  readonly again?: true;
}

/** A spec that is counted, beside what it says. */
export interface CountedSpec {
  readonly rule: MassDeletion;
  readonly partition: Partition;
  readonly resource: Resource;
  /** The broker's position before it. */
  readonly position: number;
  readonly now: number;
  /** Resources whose deletion is known in memory. */
  readonly ended: () => Iterable<Resource>;
  /** How many are counted at once; where there are more, `countLater` counts them over several turns. */
  readonly most: number;
  readonly countLater: (partition: Partition, begin: () => Walk) => void;
}

/** A consent: deletions up to this time do not count. */
interface Consent {
  readonly kind: 'consent';
  readonly cluster: string;
  readonly at: number;
}

interface Watch {
  /** Resources that are wanted. */
  live: number;
  readonly window: DeletionWindow;
  /** What is counted exactly meanwhile; until then what is known in memory stands in. */
  counting?: { readonly exact: Watch; readonly seen: Set<string> } | undefined;
}

/**
 * Keeps back what a wiped source or a hub that was restored from yesterday would do: it deletes most of a cluster within minutes. More
 * than a share of the resources of one data type on a cluster, and the deletions from there on wait until somebody consents.
 */
export class DeletionGuard {
  readonly #entries: HoldEntries;
  readonly #held = new Map<string, Map<string, HeldDeletions>>();
  readonly #consents = new Map<string, Consent>();
  readonly #keys = new Map<HeldDeletions | Consent, string>();
  readonly #watches = new Map<Partition, Watch>();
  readonly #over = new WeakMap<HeldDeletions, number>();

  constructor(entries: HoldEntries) {
    this.#entries = entries;
  }

  /** Takes up an entry of before this start. */
  restore(key: string, value: Readonly<Record<string, unknown>>): void {
    const { after, again, at, cluster, dataType, deleted, kind, of, since } = value;
    if (typeof cluster !== 'string') return;
    if (kind === 'consent' && typeof at === 'number') this.#keepConsent({ kind, cluster, at }, key);
    if (kind !== 'deletions' || typeof dataType !== 'string' || typeof after !== 'number') return;
    if (typeof since !== 'number' || typeof deleted !== 'number' || typeof of !== 'number') return;
    const held = { kind, cluster, dataType, after, since, deleted, of } as const;
    this.#keep(again === true ? { ...held, again } : held, key);
  }

  /** Whether deletions wait anywhere. */
  get any(): boolean {
    return this.#held.size > 0;
  }

  *all(): Iterable<HeldDeletions> {
    for (const types of this.#held.values()) yield* types.values();
  }

  at({ cluster, dataType }: Pick<Place, 'cluster' | 'dataType'>): HeldDeletions | undefined {
    return this.#held.get(cluster)?.get(dataType);
  }

  /** The cell is a deletion that waits for consent. */
  covers(resource: Resource | ResourceView, cell: Pick<Cell, 'kind' | 'deleting' | 'position'>): boolean {
    if (!cell.deleting || cell.kind !== 'spec' || this.#held.size === 0) return false;
    const held = this.at(resource.place);
    return held !== undefined && cell.position > held.after;
  }

  /**
   * A spec is about to become the newest of its resource, and to get the position after `position`. Gives what is held from here on, when it
   * is a deletion too many.
   */
  count(event: Envelope, counted: CountedSpec): HeldDeletions | undefined {
    const { now, partition, position, resource, rule } = counted;
    noteBirth(resource, event);
    const { grave, spec } = resource;
    const wasLive = spec !== undefined && !spec.deleting;
    let watch = this.#watches.get(partition);
    if (watch === undefined) {
      if (!event.deleting) return undefined;
      watch = this.#watch(counted);
    }
    if (!event.deleting) {
      if (wasLive) return undefined;
      for (const each of countersOf(watch, resource)) {
        each.live += 1;
        this.#forgive(resource, each, rule);
      }
      return undefined;
    }
    const before = watch.live;
    if (wasLive) for (const each of countersOf(watch, resource)) each.live -= 1;
    if (this.at(partition) !== undefined) return undefined;
    if (spec?.deleting === true || grave !== undefined) return undefined;
    const again = wasLive && spec.declined;
    if (!again && isYoung(resource, now, rule)) return undefined;
    const deleted = watch.window.count(now) + 1;
    const of = before + deleted - (wasLive ? 1 : 0);
    if (!again && (deleted < rule.least || deleted <= rule.share * of)) {
      for (const { window } of countersOf(watch, resource)) window.add(now);
      return undefined;
    }
    const { cluster, dataType } = partition;
    const held: HeldDeletions = {
      kind: 'deletions',
      cluster,
      dataType,
      after: position,
      since: now,
      deleted,
      of,
      ...(again && { again }),
    };
    this.#keep(held, this.#entries.add(held));
    return held;
  }

  /** Deletions on the cluster are meant: those that waited wait no more, and none until now counts. */
  consent(cluster: string, now: number): void {
    for (const held of this.#held.get(cluster)?.values() ?? []) this.#dropEntry(held);
    this.#held.delete(cluster);
    const before = this.#consents.get(cluster);
    if (before !== undefined) this.#dropEntry(before);
    const consent: Consent = { kind: 'consent', cluster, at: now };
    this.#keepConsent(consent, this.#entries.add(consent));
    for (const partition of this.#watches.keys()) {
      if (partition.cluster === cluster) this.#watches.delete(partition);
    }
  }

  /** What was counted of the place may be wrong: it is counted anew from what is known, when that matters next. */
  recount(place: Place): void {
    this.#watches.delete(place as Partition);
  }

  /** Forgets what counts no more. */
  clean(rule: MassDeletion | false, now: number): void {
    for (const [partition, { window }] of this.#watches) {
      if (window.count(now) === 0) this.#watches.delete(partition);
    }
    for (const [cluster, consent] of this.#consents) {
      if (rule !== false && now - consent.at < rule.withinMs) continue;
      this.#consents.delete(cluster);
      this.#dropEntry(consent);
    }
  }

  /**
   * None of these waits at this position of the broker; gives the position at which that was first seen: once it is durable, none can come
   * back by the loss of what made them void.
   */
  noteOver(held: HeldDeletions, position: number): number {
    const since = this.#over.get(held) ?? position;
    this.#over.set(held, since);
    return since;
  }

  /** Some wait. */
  noteWaiting(held: HeldDeletions): void {
    this.#over.delete(held);
  }

  /** None of these waits any more. */
  drop(held: HeldDeletions): void {
    const { cluster, dataType } = held;
    this.#dropEntry(held);
    const types = this.#held.get(cluster);
    types?.delete(dataType);
    if (types?.size === 0) this.#held.delete(cluster);
  }

  /** Counts the resources once, and with them what was deleted lately: also before a restart. */
  #watch({ countLater, ended, most, now, partition, rule }: CountedSpec): Watch {
    const watch: Watch = { live: 0, window: new DeletionWindow(rule.withinMs) };
    this.#watches.set(partition, watch);
    const from = Math.max(now - rule.withinMs, this.#consents.get(partition.cluster)?.at ?? 0);
    if (partition.size <= most) {
      for (const view of partition.views()) this.#see(view, watch, from, rule);
      return watch;
    }
    watch.live = partition.size;
    for (const resource of ended()) {
      if (resource.place !== partition) continue;
      watch.live -= 1;
      this.#see(resource, watch, from, rule);
    }
    const exact: Watch = { live: 0, window: new DeletionWindow(rule.withinMs) };
    watch.counting = { exact, seen: new Set() };
    countLater(partition, () => this.#countAll(partition, watch, from, rule));
    return watch;
  }

  *#countAll(partition: Partition, watch: Watch, from: number, rule: MassDeletion): Walk {
    const { counting } = watch;
    for (const view of partition.views()) {
      if (counting === undefined || this.#watches.get(partition) !== watch) return;
      counting.seen.add(view.id);
      this.#see(view, counting.exact, from, rule);
      yield;
    }
    if (counting !== undefined && this.#watches.get(partition) === watch)
      this.#watches.set(partition, counting.exact);
  }

  #see(resource: Resource | ResourceView, watch: Watch, from: number, rule: MassDeletion): void {
    const { grave, spec } = resource;
    if (spec !== undefined && !spec.deleting) {
      watch.live += 1;
      return;
    }
    const at = spec?.at ?? grave?.at ?? 0;
    const counts = at > from && !isYoung(resource, at, rule);
    if (counts && (spec === undefined || !this.covers(resource, spec))) watch.window.add(at);
  }

  /** The resource is wanted again: its deletion counts no more. */
  #forgive(resource: Resource, watch: Watch, rule: MassDeletion): void {
    const { grave, spec } = resource;
    const at = spec?.at ?? grave?.at;
    if (at === undefined || isYoung(resource, at, rule)) return;
    if (spec !== undefined && this.covers(resource, spec)) return;
    watch.window.remove(at);
  }

  #keep(held: HeldDeletions, key: string): void {
    const types = this.#held.get(held.cluster) ?? new Map<string, HeldDeletions>();
    types.set(held.dataType, held);
    this.#held.set(held.cluster, types);
    this.#keys.set(held, key);
  }

  #keepConsent(consent: Consent, key: string): void {
    this.#consents.set(consent.cluster, consent);
    this.#keys.set(consent, key);
  }

  #dropEntry(entry: HeldDeletions | Consent): void {
    this.#entries.remove(this.#keys.get(entry) ?? '');
    this.#keys.delete(entry);
  }
}

/** What follows a change of the resource: what is counted meanwhile does where it has passed the resource already. */
function countersOf(watch: Watch, { id }: Resource): readonly Watch[] {
  const { counting } = watch;
  return counting?.seen.has(id) === true ? [watch, counting.exact] : [watch];
}

/** Of a first life only its beginning tells how long it has lasted. */
function noteBirth(resource: Resource, event: Envelope): void {
  const { earlierVersion, grave, spec } = resource;
  if ((spec ?? grave) === undefined && earlierVersion === undefined && event.type.action === 'create_request')
    resource.lifeBegan = event.time;
}

/** It came and went within the time: jobs and the like. Nobody misses it. */
function isYoung(
  { lifeBegan }: { readonly lifeBegan: number },
  at: number,
  { withinMs }: MassDeletion,
): boolean {
  return lifeBegan > 0 && at - lifeBegan >= 0 && at - lifeBegan < withinMs;
}
