import { setTimeout as wait } from 'node:timers/promises';
import { CeBrokerError } from 'ce-broker-proto';
import type {
  BrokerCore,
  CustodyAction,
  CustodyPace,
  CustodySubject,
  CustodyTally,
  DiscardSubject,
} from '../core/index.js';
import type { Clock } from './clock.js';

/** How long the event loop is kept at a time, in milliseconds, and after how many steps the clock is looked at. */
const TURN_MS = 4;
const STEPS_PER_LOOK = 32;
/** What changes in one turn is one group of the store: it must not become so large that writing it down keeps others waiting. */
const CHANGES_PER_TURN = 256;
const PAUSE_MS = 2;
/** A store that takes nothing for so long ends the work. */
const PATIENCE_MS = 30_000;
const MOST_OWNERS = 20;
const LONGEST_TEXT = 1_000;
const LAST_ENTRY = 'custody/last';

/** What was done by hand, or would be. */
export interface CustodyRow {
  readonly action: CustodyAction['kind'];
  /** Nothing was changed: it would touch more than one resource, and nobody said yes. */
  readonly dryRun: boolean;
  readonly resources: number;
  readonly tombstones: number;
  readonly orphans: number;
  /** Of those, how many need no change. */
  readonly unchanged: number;
  readonly clusters: number;
  /** The sources that own, or owned, something of it; the first 20. */
  readonly owners: readonly string[];
}

/** Which deletions that wait for consent never happen: those of a cluster, or of them only one data type or what one source owns. */
export interface DiscardRequest {
  /** The cluster. */
  readonly deletions: string;
  readonly dataType?: string | undefined;
  readonly source?: string | undefined;
  /** Who discards them. Default `in-process`. */
  readonly by?: string | undefined;
}

/** Deletions that were discarded. */
export interface DiscardedRow {
  readonly cluster: string;
  /** Null: all. */
  readonly dataType: string | null;
  /** Null: all. */
  readonly source: string | null;
  /** Resources that are wanted again, as they were. */
  readonly discarded: number;
  /** Deletions that wait on: the spec before them is not known, or agents may have seen them already. */
  readonly left: number;
}

/** Whether a restored store still asks before it answers alone. */
export interface ReconcilingRow {
  readonly reconciling: boolean;
  /** When the store was restored, in ISO 8601; null: it was not, or that is over. */
  readonly restoredAt: string | null;
  /** Sources that have not confirmed what the store has of theirs, and on how many clusters and types. */
  readonly sources: readonly { readonly source: string; readonly places: number }[];
  /** Clusters whose agents have not confirmed their statuses. */
  readonly clusters: readonly string[];
}

/** Retires and hands over by hand, some resources in each turn of the event loop. */
export class BrokerCustody {
  readonly #core: BrokerCore;
  readonly #clock: Clock;
  #busy = false;

  constructor(core: BrokerCore, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
  }

  /** @param yes what touches more than one resource is done too, and not only told */
  async run(subject: CustodySubject, action: CustodyAction, by: string, yes: boolean): Promise<CustodyRow> {
    return this.#alone(async () => {
      const work = (dryRun: boolean) =>
        this.#core.custody(subject, action, { by, dryRun, now: () => this.#clock.now() });
      const found = await this.#drive(work(true), true);
      const isOne = subject.id !== undefined && found.resources + found.tombstones + found.orphans === 1;
      const dryRun = !yes && !isOne;
      return rowOf(action, dryRun, dryRun ? found : await this.#change(work(false)));
    });
  }

  /** Resolves once it is safe in the store. */
  async discard({ by = 'in-process', dataType, deletions, source }: DiscardRequest): Promise<DiscardedRow> {
    const subject: DiscardSubject = {
      cluster: text(deletions, 'deletions'),
      ...(dataType !== undefined && { dataType: text(dataType, 'dataType') }),
      ...(source !== undefined && { source: text(source, 'source') }),
    };
    const how = { by: text(by, 'by'), now: () => this.#clock.now() };
    const { discarded, left } = await this.#alone(() => this.#change(this.#core.discard(subject, how)));
    return { cluster: deletions, dataType: dataType ?? null, source: source ?? null, discarded, left };
  }

  reconciling(): ReconcilingRow {
    const progress = this.#core.view.reconciling.progress;
    if (progress === undefined) return { reconciling: false, restoredAt: null, sources: [], clusters: [] };
    return {
      reconciling: true,
      restoredAt: new Date(progress.since).toISOString(),
      sources: [...progress.sources].map(([source, places]) => ({ source, places })),
      clusters: progress.clusters,
    };
  }

  /** What the restored store has of a source counts from now on; `undefined`: of everybody. Throws `failed_precondition`, `not_found`. */
  reconciled(source: string | undefined): ReconcilingRow {
    const progress = this.#core.view.reconciling.progress;
    if (progress === undefined) {
      throw new CeBrokerError(
        'failed_precondition',
        'the broker is not reconciling: its store was not restored, or all its sources have confirmed it',
      );
    }
    if (source !== undefined && !progress.sources.has(source)) {
      throw new CeBrokerError('not_found', `nothing of source ${source} waits to be confirmed`, {
        field: 'source',
      });
    }
    this.#core.reconciled(source, this.#clock.now());
    return this.reconciling();
  }

  /** Throws `unavailable` when the disk did not take all of it: what it lost is as it was before. */
  async #change<Tally>(work: Generator<CustodyPace, Tally>): Promise<Tally> {
    const { store } = this.#core.view;
    const lost = (): number => {
      let groups = 0;
      for (const count of store.stats?.failedGroups.values() ?? []) groups += count;
      return groups;
    };
    const before = lost();
    const tally = await this.#drive(work, false);
    // With the last of it, or after it: once this is kept, all of it is, or was lost.
    store.setEntry(LAST_ENTRY, String(this.#clock.now()));
    const isKept = new Promise<'kept'>((resolve) => this.#core.whenHoldsSaved(() => resolve('kept')));
    const outcome = await Promise.race([isKept, wait(PATIENCE_MS, 'late', { ref: false })]);
    if (outcome === 'kept' && lost() === before) return tally;
    throw new CeBrokerError(
      'unavailable',
      'the disk did not take all of it: what it lost is as it was before; do it again, what is done already needs no change',
    );
  }

  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#busy) {
      throw new CeBrokerError(
        'failed_precondition',
        'something else is being forgotten, adopted or discarded: wait until that is done',
      );
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  async #drive<Tally>(work: Generator<CustodyPace, Tally>, dryRun: boolean): Promise<Tally> {
    let began = performance.now();
    let waited = 0;
    for (let steps = 1; ; steps++) {
      const step = work.next();
      if (step.done === true) return step.value;
      if (step.value === 'wait') {
        try {
          waited = await this.#waitForStore(waited);
        } catch (error) {
          // What it began comes to its end.
          work.return(undefined as never);
          throw error;
        }
        began = performance.now();
        continue;
      }
      const isFull = !dryRun && steps % CHANGES_PER_TURN === 0;
      if (!isFull && (steps % STEPS_PER_LOOK !== 0 || performance.now() - began < TURN_MS)) continue;
      await (isFull ? wait(PAUSE_MS) : new Promise((resolve) => setImmediate(resolve)));
      began = performance.now();
    }
  }

  async #waitForStore(waited: number): Promise<number> {
    const { refusal } = this.#core.view.store;
    if (refusal !== undefined && waited >= PATIENCE_MS) {
      throw new CeBrokerError(
        refusal.code,
        `it was done in part only, because the store takes nothing: ${refusal.message}; do it again later: what is done already needs no change`,
      );
    }
    await wait(50);
    return waited + 50;
  }
}

function text(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT) return value;
  throw new CeBrokerError('invalid_argument', `${field} must be text of 1 to ${LONGEST_TEXT} characters`, {
    field,
  });
}

function rowOf(action: CustodyAction, dryRun: boolean, tally: CustodyTally): CustodyRow {
  const { clusters, orphans, owners, resources, tombstones, unchanged } = tally;
  return {
    action: action.kind,
    dryRun,
    resources,
    tombstones,
    orphans,
    unchanged,
    clusters: clusters.size,
    owners: [...owners].slice(0, MOST_OWNERS),
  };
}
