import type { CellKind } from '../state/event-store.js';
import type { Partition } from '../state/partition.js';

/** A cell that a subscriber missed, as a key. */
export interface Missed {
  readonly position: number;
  readonly partition: Partition;
  readonly id: string;
  readonly kind: CellKind;
}

/** So many are sorted at once: a longer list would make a turn long. */
const RUN = 4_096;

/**
 * What a subscriber missed, collected over many turns and then taken in order of position: sorted runs that are merged as they are
 * taken. It holds keys, neither resources nor bytes.
 */
export class Backlog {
  readonly #runs: { readonly missed: readonly Missed[]; at: number }[] = [];
  #collecting: Missed[] | undefined = [];
  #size = 0;

  /** Nothing is taken before that: what comes last may be the oldest. */
  get isCollected(): boolean {
    return this.#collecting === undefined;
  }

  get size(): number {
    return this.#size;
  }

  add(missed: Missed): void {
    if (this.#collecting?.push(missed) === RUN) {
      this.#close(this.#collecting);
      this.#collecting = [];
    }
    this.#size += 1;
  }

  collected(): void {
    if (this.#collecting !== undefined) this.#close(this.#collecting);
    this.#collecting = undefined;
  }

  /** The position of the next one; undefined: there is none, or it is not known yet. */
  get nextPosition(): number | undefined {
    return this.#next()?.missed.position;
  }

  take(): Missed | undefined {
    const next = this.#next();
    if (next === undefined) return undefined;
    const { missed, index } = next;
    const run = this.#runs[index];
    if (run !== undefined) {
      run.at += 1;
      if (run.at === run.missed.length) this.#runs.splice(index, 1);
    }
    this.#size -= 1;
    return missed;
  }

  #next(): { readonly missed: Missed; readonly index: number } | undefined {
    if (!this.isCollected) return undefined;
    let best: Missed | undefined;
    let index = 0;
    for (const [at, run] of this.#runs.entries()) {
      const first = run.missed[run.at];
      if (first === undefined || (best !== undefined && best.position < first.position)) continue;
      best = first;
      index = at;
    }
    return best === undefined ? undefined : { missed: best, index };
  }

  #close(run: Missed[]): void {
    if (run.length === 0) return;
    run.sort((one, other) => one.position - other.position);
    this.#runs.push({ missed: run, at: 0 });
  }
}
