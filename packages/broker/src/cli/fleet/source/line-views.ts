import { visible } from '../../visible.js';
import type { FileStatus, Report } from '../file-resource.js';
import { isTrouble, outcomeOf, reasonOf } from '../outcome.js';
import type { SourceEntry } from './source-state.js';
import type { SourceView } from './source-view.js';

interface Streams {
  /** Takes one line of output, with its break. */
  readonly out: (line: string) => void;
  /** Takes one line for a person beside the output, with its break. */
  readonly err: (line: string) => void;
}

/** One line for each thing that happens, for a log or a pipe. */
export class PlainView implements SourceView {
  readonly #streams: Streams;
  /** The line that stands for each resource: the same is not printed twice. */
  readonly #last = new Map<string, string>();

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  changed(): void {
    // What becomes of it follows.
  }

  published(uid: string, entry: SourceEntry): void {
    this.#say(uid, entry, entry.deletedAt === undefined ? 'published' : 'deletion published');
  }

  refused(uid: string, entry: SourceEntry, why: string): void {
    this.#say(uid, entry, `REFUSED by the broker: ${why}`);
  }

  conflict(uid: string, entry: SourceEntry): void {
    // A notice says why.
    this.#say(uid, entry, 'CONFLICT with another source of this id');
  }

  reported(uid: string, entry: SourceEntry, { status, version }: Report): void {
    const outcome = isTrouble(status)
      ? outcomeOf(status).replace(/^\w+/, (word) => word.toUpperCase())
      : outcomeOf(status);
    const reason = isTrouble(status) ? reasonOf(status) : '';
    const news = BigInt(version) < BigInt(entry.version) ? ` (v${entry.version} is on its way)` : '';
    this.#say(uid, { ...entry, version }, `${outcome}${reason === '' ? '' : `: ${reason}`}${news}`);
  }

  deleted(uid: string, entry: SourceEntry, { status }: Report): void {
    const reason =
      isTrouble(status) || status.error !== undefined ? `; ${outcomeOf(status)}: ${reasonOf(status)}` : '';
    this.#say(uid, entry, `deleted by its agent${reason}`);
    this.#last.delete(uid);
  }

  twoAgents(): void {
    // A notice tells.
  }

  guarding(): void {
    // A notice tells.
  }

  note(line: string): void {
    this.#streams.err(`${line}\n`);
  }

  end(): void {
    // Nothing is left open.
  }

  #say(uid: string, { cluster, name, version }: SourceEntry, what: string): void {
    const line = `${visible(`${cluster}/${name} v${version} ${what}`)}\n`;
    if (this.#last.get(uid) === line) return;
    this.#last.set(uid, line);
    this.#streams.out(line);
  }
}

/** One JSON object for each thing that happens. */
export class JsonView implements SourceView {
  readonly #streams: Streams;
  #guarding = false;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  changed(): void {
    // What becomes of it follows.
  }

  published(uid: string, entry: SourceEntry): void {
    this.#write(entry.deletedAt === undefined ? 'published' : 'deletion-published', uid, entry, {});
  }

  refused(uid: string, entry: SourceEntry, why: string): void {
    this.#write('refused', uid, entry, { error: why });
  }

  conflict(uid: string, entry: SourceEntry, why: string): void {
    this.#write('conflict', uid, entry, { error: why });
  }

  reported(uid: string, entry: SourceEntry, report: Report): void {
    this.#write('status', uid, entry, { reportedVersion: Number(report.version), ...flat(report.status) });
  }

  deleted(uid: string, entry: SourceEntry, report: Report): void {
    this.#write('deleted', uid, entry, { reportedVersion: Number(report.version), ...flat(report.status) });
  }

  twoAgents(cluster: string): void {
    const event = { event: 'two-agents', time: new Date().toISOString(), cluster };
    this.#streams.out(`${JSON.stringify(event)}\n`);
  }

  guarding(on: boolean): void {
    if (on !== this.#guarding) {
      const event = on ? 'guard-on' : 'guard-off';
      this.#streams.out(`${JSON.stringify({ event, time: new Date().toISOString() })}\n`);
    }
    this.#guarding = on;
  }

  note(line: string): void {
    this.#streams.err(`${line}\n`);
  }

  end(): void {
    // Nothing is left open.
  }

  #write(event: string, uid: string, entry: SourceEntry, more: object): void {
    const { cluster, name, version } = entry;
    const head = { event, time: new Date().toISOString(), cluster, file: name, resourceId: uid };
    this.#streams.out(`${JSON.stringify({ ...head, version: Number(version), ...more })}\n`);
  }
}

function flat({ time, command, ...rest }: FileStatus) {
  return { ...rest, reportedAt: time, ...command };
}
