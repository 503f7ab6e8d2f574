import type { Lister, StatusHashGetter } from 'ce-broker-client';
import type { FileResource, Report } from '../file-resource.js';
import type { Notices } from '../notices.js';
import { Outbox } from '../outbox.js';
import { messageOf } from '../state-file.js';
import { scanFolder } from './folder-scan.js';
import { FolderWatch } from './folder-watch.js';
import { Inventory } from './inventory.js';
import { isForeign, isOlder, isOwn, isSame } from './report-order.js';
import type { SourceState } from './source-state.js';
import type { SourceView } from './source-view.js';
import { TwoAgents } from './two-agents.js';
import { VersionWar } from './version-war.js';

const MOST_STRANGERS = 10_000;
const MOST_TOLD = 10;

export type SpecAction = 'create_request' | 'update_request' | 'delete_request';

export interface SourceWorkerOptions {
  readonly dir: string;
  readonly state: SourceState;
  readonly notices: Notices;
  readonly view: SourceView;
  readonly allowEmpty: boolean;
  /** Sends a spec; rejects when the broker has not taken it. */
  readonly publish: (action: SpecAction, resource: FileResource) => Promise<void>;
  /** Whether a failed publish is the connection's fault, which is told elsewhere. */
  readonly isAway: (error: unknown) => boolean;
  readonly settleMs?: number | undefined;
  readonly rescanMs?: number | undefined;
}

/** Publishes what the folder holds, follows its changes, and takes what the agents report. */
export class SourceWorker {
  readonly #options: SourceWorkerOptions;
  readonly #inventory: Inventory;
  readonly #watch: FolderWatch;
  readonly #outbox: Outbox;
  readonly #reports = new Map<string, Report>();
  /** What agents report of files that this source does not have. */
  readonly #strangers = new Map<string, Report>();
  /** Resources that are told to be neither here nor deleted here, unless the next complete look finds them. */
  readonly #suspects = new Set<string>();
  readonly #told = new Set<string>();
  readonly #war = new VersionWar();
  readonly #agents = new TwoAgents();
  /** What waits for the state file. */
  readonly #unsaved = new Set<string>();

  constructor(options: SourceWorkerOptions) {
    this.#options = options;
    const { dir, state, notices, allowEmpty, settleMs, rescanMs } = options;
    this.#inventory = new Inventory({ dir, state, notices, allowEmpty, settleMs });
    this.#watch = new FolderWatch({
      look: () => this.#look(),
      rescanMs,
      unwatched: (why) =>
        notices.state(
          'watch',
          `changes cannot be watched (${why}): they are found by looking every few seconds`,
        ),
    });
    this.#outbox = new Outbox({
      send: (uid) => this.#send(uid),
      failed: (uid, error) => this.#failed(uid, error),
    });
  }

  readonly lister: Lister<FileResource> = {
    list: ({ clusterName }) => this.#list(clusterName),
    get: (uid) => this.#get(uid),
  };

  /** As the agent sent it; empty asks for it anew. */
  readonly statusHash: StatusHashGetter<FileResource> = ({ uid }) => this.#reports.get(uid)?.hash ?? '';

  /** Begins to look. What was not taken by the broker before the last end goes out again. */
  start(): void {
    for (const [uid, entry] of this.#options.state.entries()) if (!entry.taken) this.#outbox.add(uid);
    this.#watch.lookIn(0);
  }

  /** The subscription stands: what could not be published goes out. */
  connected(): void {
    for (const [uid, entry] of this.#options.state.entries()) if (!entry.taken) this.#outbox.add(uid);
    this.#outbox.retry();
  }

  /** Takes what an agent says of a resource. */
  async receive({ uid, report }: FileResource): Promise<void> {
    const { state, view, notices } = this.#options;
    // A placeholder, which agents of an earlier version send.
    if (report === undefined || report.status.state === 'pending') return;
    const entry = state.get(uid);
    if (entry === undefined) {
      if (report.status.deleted !== true) this.#remember(uid, report);
      return;
    }
    if (this.#agents.add(entry.cluster, report)) this.#twoAgents(entry.cluster);
    if (entry.confirmedAt !== undefined) return;
    const before = this.#reports.get(uid);
    if (before !== undefined && isOlder(report, before)) return;
    this.#reports.set(uid, report);
    const gone = report.status.deleted === true;
    if (gone && state.confirm(uid, report.version, Date.now(), (error) => this.#stateFailed(error))) {
      this.#reports.delete(uid);
      view.deleted(uid, entry, report);
      return;
    }
    if (isForeign(report, entry))
      await this.#raise(uid, report, before !== undefined && isOwn(before, entry));
    const now = state.get(uid) ?? entry;
    if (before === undefined || !isSame(before, report)) view.reported(uid, now, report);
    notices.over(`publish ${uid}`);
  }

  /** An agent has a file that this source does not know, or not yet: the next complete look tells. */
  stranger(uid: string): void {
    if (this.#told.has(uid) || this.#suspects.size > MOST_TOLD) return;
    this.#suspects.add(uid);
    this.#watch.lookIn(0);
  }

  /** Ends the looking, waits for what is under way, and writes the state. */
  async stop(): Promise<void> {
    await this.#watch.stop();
    await this.#outbox.stop();
    await this.#options.state.close();
  }

  /** What is left to another source is listed, and never sent. */
  *#list(clusterName: string): Generator<FileResource> {
    for (const resource of this.#options.state.list(clusterName)) {
      yield this.#war.has(resource.uid) ? { ...resource, resourceVersion: '-1' } : resource;
    }
  }

  #get(uid: string): FileResource | undefined {
    const resource = this.#options.state.resource(uid);
    const report = this.#reports.get(uid);
    return resource === undefined || report === undefined ? resource : { ...resource, report };
  }

  async #look(): Promise<void> {
    const { dir, notices, view } = this.#options;
    try {
      const scan = await scanFolder(dir);
      const { changed, lookAgainMs } = await this.#inventory.compare(scan);
      // What changed in a folder before it was watched.
      if (this.#watch.watch(scan.folders)) this.#watch.lookIn(50);
      view.guarding(this.#inventory.guarding);
      if (lookAgainMs !== undefined) this.#watch.lookIn(lookAgainMs);
      else if (scan.gone === undefined && !this.#inventory.guarding) this.#tellStrangers(scan.unknown);
      for (const uid of changed) this.#peace(uid);
      if (changed.length > 0 || this.#unsaved.size > 0) await this.#publishAll(changed);
    } catch (error) {
      notices.state('look', `looking into ${dir} failed: ${messageOf(error)}`);
      return;
    }
    notices.over('look');
  }

  /** The own file has changed: it is published again, above what the other source has. */
  #peace(uid: string): void {
    const above = this.#war.over(uid);
    if (above === undefined) return;
    this.#options.notices.over(`war ${uid}`);
    this.#options.state.raise(uid, above, false);
  }

  /** Everything that is in the folder has been taken up: what an agent has beside that is left alone, and told. */
  #tellStrangers(unknown: ReadonlySet<string>): void {
    const { dir, state, notices } = this.#options;
    for (const uid of [...this.#suspects, ...this.#strangers.keys()]) {
      const cluster = uid.split('/')[1] ?? '';
      if (this.#told.has(uid) || this.#told.size > MOST_TOLD || unknown.has(cluster)) continue;
      if (state.get(uid) !== undefined) continue;
      this.#told.add(uid);
      const more = this.#told.size > MOST_TOLD ? 'there are more: ' : '';
      notices.say(
        `${more}${uid} is on its cluster, and neither in ${dir} nor deleted there (was the state file lost, or is this another folder?): ` +
          'it is left alone. To delete it, put a file of that name there and remove it',
      );
    }
    this.#suspects.clear();
  }

  /** A version is on disk before it is on the wire: after a crash no other content may get it. */
  async #publishAll(uids: readonly string[]): Promise<void> {
    const { state, view, notices } = this.#options;
    for (const uid of uids) {
      this.#unsaved.add(uid);
      const stranger = this.#strangers.get(uid);
      this.#strangers.delete(uid);
      if (stranger !== undefined) state.raise(uid, stranger.version, stranger.status.deleted === true);
      const entry = state.get(uid);
      if (entry !== undefined) view.changed(uid, entry);
    }
    const saving = [...this.#unsaved];
    try {
      await state.save();
    } catch (error) {
      // Each look tries again.
      this.#stateFailed(error);
      this.#watch.lookIn(1_000);
      return;
    }
    notices.over('state');
    for (const uid of saving) {
      this.#unsaved.delete(uid);
      this.#outbox.add(uid);
    }
  }

  /** The file of a report may come yet: then its version has to be above what the agent has. */
  #remember(uid: string, report: Report): void {
    this.#strangers.delete(uid);
    this.#strangers.set(uid, report);
    const [oldest] = this.#strangers.keys();
    if (this.#strangers.size > MOST_STRANGERS && oldest !== undefined) this.#strangers.delete(oldest);
  }

  #twoAgents(cluster: string): void {
    this.#options.view.twoAgents(cluster);
    this.#options.notices.say(
      `two agents work for cluster ${cluster}: both apply its files and run the command, and what is shown is what came last. ` +
        'End one of them, or give it a --cluster of its own',
    );
  }

  async #raise(uid: string, report: Report, hadOwn: boolean): Promise<void> {
    const { state, notices, view } = this.#options;
    const { source } = state;
    if (!this.#war.mayRaise(uid, report.version, hadOwn)) {
      const what = `another source with the id ${source} publishes it too, with another content or version`;
      const why = `${what}: it is not published from here any more. Each source needs an id of its own: end the other one, or give it another --source; then restart this one, or change the file`;
      notices.state(`war ${uid}`, `CONFLICT: ${uid}: ${why}`);
      const entry = state.get(uid);
      if (entry !== undefined) view.conflict(uid, entry, why);
      return;
    }
    notices.say(
      `${uid}: its agent has a version ${report.version} that is not of this source: publishing it again above that ` +
        `(was the state file lost, or has another source the id ${source}?)`,
    );
    state.raise(uid, report.version, report.status.deleted === true);
    await this.#publishAll([uid]);
  }

  async #send(uid: string): Promise<void> {
    const { state, view, notices } = this.#options;
    const entry = state.get(uid);
    if (entry === undefined || entry.taken || this.#war.has(uid)) return;
    const resource = state.resource(uid);
    // Its file has not been read yet, or is away with its folder.
    if (resource === undefined) return;
    const action =
      entry.deletedAt !== undefined ? 'delete_request' : entry.created ? 'update_request' : 'create_request';
    await this.#options.publish(action, resource);
    notices.over(`publish ${uid}`);
    state.taken(uid, entry.version, (error) => this.#stateFailed(error));
    view.published(uid, entry);
  }

  #failed(uid: string, error: unknown): void {
    const { notices, view, isAway } = this.#options;
    if (isAway(error)) return;
    notices.state(`publish ${uid}`, `${uid} was not taken: ${messageOf(error)}`);
    const entry = this.#options.state.get(uid);
    if (entry !== undefined) view.refused(uid, entry, messageOf(error));
  }

  #stateFailed(error: unknown): void {
    // While the folder is away its state file is away with it.
    if (this.#inventory.guarding) return;
    this.#options.notices.state('state', `${messageOf(error)}; nothing new is published until it can`);
  }
}
