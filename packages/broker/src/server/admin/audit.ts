import type { EventStore } from '../../state/event-store.js';
import type { Clock } from '../clock.js';

const PREFIX = 'audit/';
const KEPT = 1_000;

/** What somebody did. Keep it short: a thousand of them are kept. */
export interface ChangeRecord {
  /** A word such as `hold`, `release`, `forget`. */
  readonly action: string;
  /** What it was done to, and how: cluster, source, id, reason. */
  readonly about: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** One change in `/audit`. */
export interface AuditRow extends ChangeRecord {
  /** ISO 8601. */
  readonly at: string;
  /** The user of a token, `admin` for somebody on this machine, `ce-broker` for the broker itself. */
  readonly by: string;
}

/** Who changed what by hand: the last 1,000 changes, kept in the store as entries `audit/<milliseconds>-<number>`. */
export class Audit {
  readonly #store: EventStore;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #keys: string[];
  #last: { time: number; number: number };

  constructor(store: EventStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#keys = [...store.entries(PREFIX)].map(([key]) => key);
    this.#last = partsOf(this.#keys.at(-1));
  }

  /** Written with whatever else changed in this turn. */
  record(by: string, { action, about }: ChangeRecord): void {
    const now = Math.floor(this.#clock.now());
    // A clock that was set back must not put this change before earlier ones.
    const time = Math.max(now, this.#last.time);
    this.#last = { time, number: this.#last.number + 1 };
    const key = `${PREFIX}${pad(time, 15)}-${pad(this.#last.number, 10)}`;
    const row: AuditRow = { at: new Date(now).toISOString(), by, action, about };
    this.#store.setEntry(key, JSON.stringify(row));
    this.#keys.push(key);
    for (const old of this.#keys.splice(0, this.#keys.length - KEPT)) this.#store.setEntry(old, undefined);
  }

  /** Oldest first. */
  *rows(): Iterable<AuditRow> {
    for (const [, value] of this.#store.entries(PREFIX)) yield JSON.parse(value) as AuditRow;
  }
}

function partsOf(key: string | undefined): { time: number; number: number } {
  const parts = /^audit\/(\d+)-(\d+)$/.exec(key ?? '');
  return { time: Number(parts?.[1] ?? 0), number: Number(parts?.[2] ?? 0) };
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}
