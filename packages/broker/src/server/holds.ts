import { CeBrokerError } from 'ce-broker-proto';
import type { BrokerCore, Core } from '../core/index.js';
import { countHeldDeletions, type Hold, type HoldTarget, nameOf } from '../core/index.js';
import type { ResourceView } from '../state/resource.js';
import { clip } from './clip.js';
import type { Clock } from './clock.js';

const LONGEST_TEXT = 1_000;

/** What is held: a whole cluster, all that a source wants, or one resource; where a resource is the only one of its id, the id will do. */
export type HoldSubject =
  | { readonly cluster: string; readonly source?: undefined; readonly resource?: undefined }
  | { readonly source: string; readonly cluster?: undefined; readonly resource?: undefined }
  | {
      readonly resource: string;
      readonly cluster?: string | undefined;
      readonly dataType?: string | undefined;
      readonly source?: undefined;
    };

/** A hold that is to be placed. */
export type HoldRequest = HoldSubject & {
  /** For whoever sees it later; at most 1,000 characters. */
  readonly reason: string;
  /** Who holds it. Default `in-process`. */
  readonly by?: string | undefined;
};

/** What is to be released: one hold, the deletions of a cluster that wait for consent, or everything. */
export type ReleaseRequest = (HoldSubject | { readonly deletions: string } | { readonly all: true }) & {
  /** Who releases it. Default `in-process`. */
  readonly by?: string | undefined;
};

/** Something that is held. */
export interface HeldRow {
  /** `deletions`: those that were too many, and wait for consent. */
  readonly kind: 'cluster' | 'source' | 'resource' | 'deletions';
  /** The cluster, the source, the id of the resource; of `deletions` the cluster. */
  readonly name: string;
  /** Of a resource and of deletions; else null. */
  readonly cluster: string | null;
  /** Of a resource and of deletions; else null. */
  readonly dataType: string | null;
  /** ISO 8601. */
  readonly since: string;
  readonly ageMs: number;
  /** Who held it; `ce-broker` for deletions. */
  readonly by: string;
  readonly reason: string;
  /** What waits for it now: keys of subscribers that are connected; of deletions, deletions. */
  readonly waiting: number;
}

/** How much is held at this moment. */
export interface HeldCounts {
  /** Holds that are placed. */
  readonly holds: number;
  /** Resources that a subscriber would get but for a hold, over all subscribers. */
  readonly heldKeys: number;
  /** Deletions that wait for consent. */
  readonly heldDeletions: number;
}

/** Costs a pass over sessions, and where deletions are held one over the deletions that are not confirmed. */
export function heldCounts(view: Readonly<Core>): HeldCounts {
  let heldKeys = 0;
  for (const session of view.sessions.all()) heldKeys += session.held.size;
  let heldDeletions = 0;
  for (const count of countHeldDeletions(view).values()) heldDeletions += count;
  return { holds: view.holds.size, heldKeys, heldDeletions };
}

/** Why nothing newer of the resource goes out to its agents, or to its source; undefined: it does. */
export function whyHeld(view: Readonly<Core>, resource: ResourceView): string | undefined {
  const hold = view.holds.of(resource);
  if (hold !== undefined) return `${nameOf(hold)}, by ${hold.by}: ${hold.reason}`;
  const { spec } = resource;
  if (spec === undefined) return undefined;
  if (view.deletions.covers(resource, spec)) return 'the deletion waits for consent';
  const { kind, position } = spec;
  if (view.reconciling.covers({ kind, position, resource }))
    return `the store was restored, and ${resource.owner} has not confirmed it`;
  return undefined;
}

/** Holds and releases on behalf of a program or of the admin port. */
export class BrokerHolds {
  readonly #core: BrokerCore;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  /** @param timeoutMs how long the store has to confirm */
  constructor(core: BrokerCore, clock: Clock, timeoutMs: number) {
    this.#core = core;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  list(): readonly HeldRow[] {
    const { view } = this.#core;
    const waiting = new Map<Hold, number>();
    for (const session of view.sessions.all()) {
      for (const cell of session.held.keys()) {
        const hold = view.holds.of(cell.resource, cell);
        if (hold !== undefined) waiting.set(hold, (waiting.get(hold) ?? 0) + 1);
      }
    }
    const rows = [...view.holds.all()].map((hold) => this.#row(hold, waiting.get(hold) ?? 0));
    const counts = countHeldDeletions(view);
    for (const held of view.deletions.all()) {
      const { again, cluster, dataType, deleted, of, since } = held;
      rows.push({
        kind: 'deletions',
        name: cluster,
        cluster,
        dataType,
        ...this.#when(since),
        by: 'ce-broker',
        reason:
          again === true
            ? 'deletions that were discarded came again'
            : `${deleted} of ${of} resources would have been deleted`,
        waiting: counts.get(held) ?? 0,
      });
    }
    return rows;
  }

  /** Resolves once it is safe in the store. */
  async hold(request: HoldRequest): Promise<HeldRow> {
    const row = this.#hold(request);
    await this.#saved();
    return row;
  }

  /** Resolves with what was released, as it was just before, once that is safe in the store. */
  async release(request: ReleaseRequest): Promise<readonly HeldRow[]> {
    const rows = this.#release(request);
    await this.#saved();
    return rows;
  }

  #hold(request: HoldRequest): HeldRow {
    const reason = text(request.reason, 'reason');
    const by = text(request.by ?? 'in-process', 'by');
    const hold = this.#core.hold(this.#target(request), { by, reason }, this.#clock.now());
    const placed = this.list().find((row) => isOf(row, hold));
    return placed ?? this.#row(hold, 0);
  }

  #release(request: ReleaseRequest): readonly HeldRow[] {
    const by = text(request.by ?? 'in-process', 'by');
    const before = this.list();
    if ('all' in request) {
      if (request.all !== true) throw invalid('all', 'all must be true');
      for (const hold of [...this.#core.view.holds.all()]) this.#core.release(hold, by, this.#clock.now());
      const clusters = new Set([...this.#core.view.deletions.all()].map(({ cluster }) => cluster));
      for (const cluster of clusters) this.#core.releaseDeletions(cluster, by, this.#clock.now());
      return before;
    }
    if ('deletions' in request) {
      const cluster = text(request.deletions, 'deletions');
      this.#core.releaseDeletions(cluster, by, this.#clock.now());
      return before.filter((row) => row.kind === 'deletions' && row.name === cluster);
    }
    const hold = this.#core.release(this.#heldTarget(request), by, this.#clock.now());
    return before.filter((row) => isOf(row, hold));
  }

  /** It is in force at once; that it survives is known a little later. */
  #saved(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const message = `done, but the store has not confirmed it within ${this.#timeoutMs} ms: it may be undone by a restart`;
        reject(new CeBrokerError('deadline_exceeded', message));
      }, this.#timeoutMs);
      this.#core.whenHoldsSaved(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #target(subject: HoldSubject): HoldTarget {
    const { cluster, resource, source } = subject;
    const given = [resource ?? cluster, source].filter((name) => name !== undefined);
    if (given.length !== 1) throw invalid('resource', 'name one: a cluster, a source, or a resource');
    if (source !== undefined) return { kind: 'source', name: text(source, 'source') };
    if (subject.resource === undefined) return { kind: 'cluster', name: text(cluster, 'cluster') };
    const name = text(resource, 'resource');
    const { dataType } = subject;
    if (dataType !== undefined && dataType.split('.').length < 3)
      throw invalid('dataType', `${JSON.stringify(dataType)} is no data type: <group>.<version>.<resource>`);
    if (cluster !== undefined && dataType !== undefined)
      return { kind: 'resource', name, cluster: text(cluster, 'cluster'), dataType };
    return this.#only(
      name,
      this.#placesOf(name, cluster, dataType),
      'no resource with this id is known: to hold one that is still to come, name its cluster and its type',
    );
  }

  /** As `#target`, but what is held need not be known any more. */
  #heldTarget(subject: HoldSubject): HoldTarget {
    const { cluster, resource } = subject;
    if (resource === undefined) return this.#target(subject);
    const { dataType } = subject;
    const held = [...this.#core.view.holds.all()].filter(
      (hold) =>
        hold.kind === 'resource' &&
        hold.name === resource &&
        (cluster === undefined || hold.cluster === cluster) &&
        (dataType === undefined || hold.dataType === dataType),
    );
    return this.#only(resource, held, 'it is not held: ce-broker holds lists what is');
  }

  #only(name: string, found: readonly HoldTarget[], none: string): HoldTarget {
    const [first, ...others] = found;
    if (first === undefined) throw new CeBrokerError('not_found', `resource ${clip(name, 200)}: ${none}`);
    if (others.length === 0) return first;
    const some = found.slice(0, 5).map((target) => clip(nameOf(target), 200));
    const more = found.length > some.length ? ` and ${found.length - some.length} more` : '';
    throw new CeBrokerError(
      'invalid_argument',
      `there are ${found.length} of this id: ${some.join(', ')}${more}; name the cluster and the type as well`,
      { field: 'resource' },
    );
  }

  #placesOf(name: string, cluster: string | undefined, dataType = ''): readonly HoldTarget[] {
    const { table } = this.#core.view;
    const partitions = cluster === undefined ? table.all(dataType) : table.ofCluster(cluster, dataType);
    const found: HoldTarget[] = [];
    for (const partition of partitions) {
      if (partition.find(name) === undefined) continue;
      found.push({ kind: 'resource', name, cluster: partition.cluster, dataType: partition.dataType });
    }
    return found;
  }

  #row(hold: Hold, waiting: number): HeldRow {
    const { by, kind, name, reason, since } = hold;
    const cluster = hold.kind === 'resource' ? hold.cluster : null;
    const dataType = hold.kind === 'resource' ? hold.dataType : null;
    return { kind, name, cluster, dataType, ...this.#when(since), by, reason, waiting };
  }

  #when(since: number): { readonly since: string; readonly ageMs: number } {
    const ageMs = Math.max(0, Math.round(this.#clock.now() - since));
    return { since: new Date(since).toISOString(), ageMs };
  }
}

function isOf(row: HeldRow, hold: Hold): boolean {
  if (row.kind !== hold.kind || row.name !== hold.name) return false;
  return hold.kind !== 'resource' || (row.cluster === hold.cluster && row.dataType === hold.dataType);
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '')
    throw invalid(field, `${field} must be text that is not empty`);
  if (value.length > LONGEST_TEXT && field !== 'resource')
    throw invalid(field, `${field} has ${value.length} characters: at most ${LONGEST_TEXT}`);
  return value;
}

function invalid(field: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', message, { field });
}
