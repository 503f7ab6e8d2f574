import pc from 'picocolors';
import { formatAge, formatTable } from '../../state/table.js';
import { visible } from '../../visible.js';
import type { Report } from '../file-resource.js';
import { isTrouble, outcomeOf, reasonOf } from '../outcome.js';
import type { SourceEntry, SourceState } from './source-state.js';
import type { SourceView } from './source-view.js';

/** Where the table is drawn. */
export interface Screen {
  readonly write: (text: string) => void;
  readonly size: () => { readonly rows: number; readonly columns: number };
  readonly color: boolean;
}

const DRAW_MS = 100;
/** Ages grow without any event. */
const TICK_MS = 1_000;
const HEAD = ['CLUSTER', 'FILE', 'VERSION', 'AGENT', 'STATE', 'AGE', 'REASON'];

/** The files and what their agents report of them, drawn in place again and again. */
export class TableView implements SourceView {
  readonly #screen: Screen;
  readonly #title: string;
  readonly #state: SourceState;
  readonly #reports = new Map<string, Report>();
  readonly #refusals = new Map<string, string>();
  readonly #conflicts = new Set<string>();
  readonly #tick: NodeJS.Timeout;
  #drawnLines = 0;
  #timer: NodeJS.Timeout | undefined;
  #guarding = false;

  constructor(title: string, state: SourceState, screen: Screen) {
    this.#title = title;
    this.#state = state;
    this.#screen = screen;
    this.#tick = setInterval(() => this.#draw(), TICK_MS).unref();
  }

  changed(uid: string): void {
    this.#conflicts.delete(uid);
    this.#refusals.delete(uid);
    this.#soon();
  }

  published(uid: string): void {
    this.#refusals.delete(uid);
    this.#soon();
  }

  refused(uid: string, _: SourceEntry, why: string): void {
    this.#refusals.set(uid, why);
    this.#soon();
  }

  conflict(uid: string): void {
    this.#conflicts.add(uid);
    this.#soon();
  }

  reported(uid: string, _: SourceEntry, report: Report): void {
    this.#reports.set(uid, report);
    this.#soon();
  }

  deleted(uid: string, { cluster, name }: SourceEntry, { status }: Report): void {
    this.#reports.delete(uid);
    const reason =
      isTrouble(status) || status.error !== undefined ? `; ${outcomeOf(status)}: ${reasonOf(status)}` : '';
    this.note(visible(`${cluster}/${name} deleted by its agent${reason}`));
  }

  twoAgents(): void {
    // A notice tells.
  }

  guarding(on: boolean): void {
    if (on === this.#guarding) return;
    this.#guarding = on;
    this.#soon();
  }

  /** Above the table, where it stays. */
  note(line: string): void {
    this.#clear();
    this.#screen.write(`${line}\n`);
    this.#soon();
  }

  end(): void {
    clearInterval(this.#tick);
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#draw();
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#draw(), DRAW_MS).unref();
  }

  #draw(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    const { rows, columns } = this.#screen.size();
    const lines = this.#lines(Math.max(rows - 1, 4)).map((line) =>
      Array.from(line)
        .slice(0, Math.max(columns - 1, 20))
        .join(''),
    );
    this.#clear();
    const { bold, red } = pc.createColors(this.#screen.color);
    const shown = lines.map((line, index) =>
      index === 1 ? bold(line) : / (?:failed|refused|REFUSED|CONFLICT)\b/.test(line) ? red(line) : line,
    );
    this.#screen.write(`${shown.join('\n')}\n`);
    this.#drawnLines = lines.length;
  }

  #clear(): void {
    if (this.#drawnLines > 0) this.#screen.write(`\u001b[${this.#drawnLines}A\u001b[J`);
    this.#drawnLines = 0;
  }

  #lines(most: number): string[] {
    const rows = [...this.#state.entries()].map(([uid, entry]) => this.#row(uid, entry));
    rows.sort((a, b) => compare(a.cells[0], b.cells[0]) || compare(a.cells[1], b.cells[1]));
    const room = most - 3;
    const all = rows.length <= room;
    // What needs a look comes first when not everything can be shown.
    const shown = all ? rows : [...rows].sort((a, b) => Number(b.trouble) - Number(a.trouble)).slice(0, room);
    const table = formatTable(
      HEAD,
      shown.map(({ cells }) => cells),
    );
    const troubles = rows.filter(({ trouble }) => trouble).length;
    const counts = `${rows.length} files, ${troubles} in trouble${this.#guarding ? ', FOLDER EMPTY: nothing is deleted' : ''}`;
    const more = all ? [] : [`... and ${rows.length - shown.length} more`];
    return [`${this.#title}: ${counts}`, ...table.trimEnd().split('\n'), ...more];
  }

  #row(uid: string, entry: SourceEntry): { readonly cells: readonly string[]; readonly trouble: boolean } {
    const { cluster, name, version, deletedAt, taken } = entry;
    const report = this.#reports.get(uid);
    const refusal = this.#refusals.get(uid);
    const own = [cluster, name, `v${version}`, report === undefined ? '-' : `v${report.version}`];
    if (refusal !== undefined) return { cells: [...own, 'REFUSED', '-', refusal], trouble: true };
    if (this.#conflicts.has(uid)) {
      return {
        cells: [...own, 'CONFLICT', '-', 'another source with this id publishes it too'],
        trouble: true,
      };
    }
    const waiting = deletedAt !== undefined ? 'deleting' : taken ? 'sent' : 'publishing';
    if (report === undefined) return { cells: [...own, waiting, '-', ''], trouble: false };
    const age = formatAge(Math.max(0, Date.now() - Date.parse(report.status.time)));
    const isBehind = BigInt(report.version) < BigInt(version);
    const state = isBehind ? `${waiting}, was ${outcomeOf(report.status)}` : outcomeOf(report.status);
    const trouble = isTrouble(report.status);
    return { cells: [...own, state, age, trouble ? reasonOf(report.status) : ''], trouble };
  }
}

function compare(a: string | undefined, b: string | undefined): number {
  return (a ?? '') < (b ?? '') ? -1 : a === b ? 0 : 1;
}
