import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One thing that happened, as a line of JSON. `k` says what; the other keys depend on it. */
export interface HistoryLine {
  /** Milliseconds since the history began. */
  readonly t: number;
  readonly k: HistoryKind;
  /** Who did it, or to whom it was done. */
  readonly who: string;
  readonly cluster?: string;
  readonly id?: string;
  readonly version?: number;
  readonly life?: number;
  readonly sequence?: number;
  readonly source?: string;
  readonly deleted?: boolean;
  readonly code?: number;
  readonly note?: string;
  readonly count?: number;
}

/**
 * `sent`, `acked`, `refused`: a Publish and its answer. `got`: an event that a subscriber was handed. `asked`: a resync request
 * that it was handed. `open`, `ended`: a subscription. `fault`: what the scenario did to them. `wants`, `holds`, `knows`: the state
 * of a source's specs, an agent's resources and a source's statuses at the end.
 */
export type HistoryKind =
  | 'sent'
  | 'acked'
  | 'refused'
  | 'got'
  | 'asked'
  | 'open'
  | 'ended'
  | 'fault'
  | 'wants'
  | 'holds'
  | 'knows';

const FLUSH_LINES = 2_000;

/** What a scenario did and saw, written as JSON lines into a temporary folder, for a checker to read. */
export class History {
  readonly folder: string;
  readonly file: string;
  #lines: string[] = [];
  #began = performance.now();
  #discarded = false;

  constructor(scenario: string) {
    this.folder = mkdtempSync(join(tmpdir(), `ce-broker-${scenario}-`));
    this.file = join(this.folder, 'history.jsonl');
  }

  get now(): number {
    return Math.round((performance.now() - this.#began) * 10) / 10;
  }

  add(k: HistoryKind, who: string, more: Omit<HistoryLine, 't' | 'k' | 'who'> = {}): void {
    if (this.#discarded) return;
    this.#lines.push(JSON.stringify({ t: this.now, k, who, ...more }));
    if (this.#lines.length >= FLUSH_LINES) this.flush();
  }

  flush(): void {
    if (this.#lines.length > 0) appendFileSync(this.file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  /** All lines, from the file. */
  read(): HistoryLine[] {
    this.flush();
    return readHistory(this.file);
  }

  /** The scenario went well: nothing is left behind. */
  discard(): void {
    this.#discarded = true;
    this.#lines = [];
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function readHistory(file: string): HistoryLine[] {
  const text = readFileSync(file, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): HistoryLine => JSON.parse(line));
}
