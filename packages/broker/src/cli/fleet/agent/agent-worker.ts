import type { Lister } from 'ce-broker-client';
import type { FileResource, FileStatus } from '../file-resource.js';
import type { Notices } from '../notices.js';
import { Outbox } from '../outbox.js';
import { messageOf } from '../state-file.js';
import { resourceOf } from './agent-state.js';
import { type ApplyParts, apply } from './apply.js';
import { NO_REPORT } from './placeholders.js';
import { WorkQueue } from './work-queue.js';

export interface AgentWorkerOptions extends ApplyParts {
  /** Sends a status; rejects when the broker has not taken it. */
  readonly publish: (resource: FileResource) => Promise<void>;
  /** Tells the broker all that this agent holds: that confirms deletions, and brings what is missing. */
  readonly resync: () => Promise<void>;
  /** Whether a failed publish is the connection's fault, which is told elsewhere. */
  readonly isAway: (error: unknown) => boolean;
  readonly notices: Notices;
  /** Told of everything that was done. */
  readonly done: (resource: FileResource, status: FileStatus) => void;
  readonly parallel?: number | undefined;
  /** How long the confirmation of a deletion waits for others, in milliseconds. Default 200. */
  readonly resyncDelayMs?: number | undefined;
  /** After how long what the machine prevented is asked for again, in milliseconds. Default 30,000. */
  readonly retryMs?: number | undefined;
}

/** Does what comes in, one event of a resource after the other, and reports what came of it. */
export class AgentWorker {
  readonly #options: AgentWorkerOptions;
  readonly #queue: WorkQueue;
  readonly #outbox: Outbox;
  readonly #ending = new AbortController();
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor(options: AgentWorkerOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      work: (resource) => this.#work(resource),
      over: (uid) => {
        if (options.state.get(uid)?.published === false) this.#outbox.add(uid);
      },
      parallel: options.parallel,
    });
    this.#outbox = new Outbox({
      send: (uid) => this.#send(uid),
      failed: (uid, error) => {
        if (!options.isAway(error)) {
          options.notices.state(`status ${uid}`, `the status of ${uid} was not taken: ${messageOf(error)}`);
        }
      },
    });
  }

  /** What the client asks for: `list` is what is done, for the broker; `get` is what has come, for the order of events. */
  readonly lister: Lister<FileResource> = {
    list: ({ source }) => this.#list(source),
    get: (uid) => this.#get(uid),
  };

  /** Files that are gone from the folder (a disk that does not outlive a restart, say) are asked for again. Call it before connecting. */
  async missing(): Promise<void> {
    const { state, files } = this.#options;
    for (const [uid, { name, status }] of state.entries()) {
      const isApplied = status?.state === 'applied' || status?.state === 'failed';
      if (isApplied && files !== undefined && !(await files.holds(name))) state.redo(uid);
    }
  }

  /** Takes a received spec, or deletion. Resolves at once, unless too much waits already. */
  receive(resource: FileResource): Promise<void> {
    return this.#queue.add(resource);
  }

  /** The subscription stands: what could not be reported goes out. */
  connected(): void {
    for (const [uid, entry] of this.#options.state.entries()) if (!entry.published) this.#outbox.add(uid);
    this.#outbox.retry();
  }

  /** Starts nothing any more, gives what runs some time, and then ends it: that is done again by the next agent. */
  async finish(graceMs: number): Promise<void> {
    const grace = setTimeout(() => this.#ending.abort(new Error('the agent ends')), graceMs);
    await this.#queue.stop();
    clearTimeout(grace);
  }

  /** Waits for the statuses that are under way, and writes the state. What was not reported is reported by the next agent. */
  async stop(): Promise<void> {
    await this.#outbox.stop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#ending.abort(new Error('the agent has ended'));
    await this.#options.state.close();
  }

  *#list(source: string): Iterable<FileResource> {
    const { state } = this.#options;
    for (const [uid, entry] of state.entries()) {
      if (source === '' || source === entry.source) yield resourceOf(uid, state.cluster, entry);
    }
  }

  #get(uid: string): FileResource | undefined {
    const { state } = this.#options;
    const entry = state.get(uid);
    const coming = this.#queue.newest(uid);
    if (coming?.deletionTimestamp !== undefined) return undefined;
    const done = entry === undefined ? undefined : resourceOf(uid, state.cluster, entry);
    if (coming === undefined) return done;
    return { report: NO_REPORT, ...(done ?? coming), resourceVersion: coming.resourceVersion };
  }

  async #work(resource: FileResource): Promise<void> {
    const { state, notices } = this.#options;
    try {
      const { status, done } = await apply(this.#options, resource, this.#ending.signal);
      const saved = state.finish(resource, status, done);
      this.#options.done(resource, status);
      if (!done) this.#resyncIn(this.#options.retryMs ?? 30_000);
      await saved.then(
        () => notices.over('state'),
        (error: unknown) => this.#stateFailed(error),
      );
    } catch (error) {
      if (!this.#ending.signal.aborted) notices.say(`${resource.uid}: ${messageOf(error)}`);
    }
  }

  async #send(uid: string): Promise<void> {
    const { state, notices } = this.#options;
    const entry = state.get(uid);
    if (entry === undefined || entry.published || entry.status === undefined) return;
    await this.#options.publish(resourceOf(uid, state.cluster, entry));
    notices.over(`status ${uid}`);
    state.published(uid, entry.sequenceId, (error) => this.#stateFailed(error));
    const gone = entry.status.deleted === true && state.get(uid)?.sequenceId === entry.sequenceId;
    if (!gone || this.#livesAgain(uid)) return;
    await this.#options.command?.specs.remove(uid).catch(() => undefined);
    await state.forget(uid).catch((error: unknown) => this.#stateFailed(error));
    this.#resyncIn(this.#options.resyncDelayMs ?? 200);
  }

  /** What comes is more than the deletion that was just done, and may still be written down. */
  #livesAgain(uid: string): boolean {
    const coming = this.#queue.newest(uid);
    return coming !== undefined && coming.deletionTimestamp === undefined;
  }

  #resyncIn(delayMs: number): void {
    if (this.#timers.has(delayMs) || this.#ending.signal.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(delayMs);
      // Without a connection the next one brings a resync.
      this.#options.resync().catch((error: unknown) => {
        if (!this.#options.isAway(error))
          this.#options.notices.state('resync', `a resync failed: ${messageOf(error)}`);
      });
    }, delayMs);
    this.#timers.set(delayMs, timer);
  }

  #stateFailed(error: unknown): void {
    this.#options.notices.state(
      'state',
      `${messageOf(error)}; what is done now may be done again after a restart`,
    );
  }
}
