import type { FileResource } from '../file-resource.js';

export interface WorkQueueOptions {
  /** Does the work of one event; must not reject. */
  readonly work: (resource: FileResource) => Promise<void>;
  /** Told when the work of an event is over, and the resource is not worked on for the moment. */
  readonly over?: ((uid: string) => void) | undefined;
  /** Resources that are worked on side by side. Default 8. */
  readonly parallel?: number | undefined;
  /** Bytes of content that wait; beyond that `add` lets its caller wait. Default 64 MiB. */
  readonly maxWaitingBytes?: number | undefined;
}

interface Lane {
  /** At most a deletion and what came after it: of everything else only the newest counts. */
  waiting: FileResource[];
  working: FileResource | undefined;
}

/**
 * Work on resources: one event of a resource at a time, several resources side by side. What came meanwhile is one more event, the
 * newest; but a deletion is never left out.
 */
export class WorkQueue {
  readonly #work: (resource: FileResource) => Promise<void>;
  readonly #over: ((uid: string) => void) | undefined;
  readonly #parallel: number;
  readonly #maxWaitingBytes: number;
  readonly #lanes = new Map<string, Lane>();
  readonly #ready = new Set<string>();
  readonly #roomFor: (() => void)[] = [];
  #working = 0;
  #waitingBytes = 0;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#work = options.work;
    this.#over = options.over;
    this.#parallel = options.parallel ?? 8;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 64 * 1024 * 1024;
  }

  /** Takes an event. Resolves at once, or once there is room again for more. */
  async add(resource: FileResource): Promise<void> {
    if (this.#stopped) return;
    let lane = this.#lanes.get(resource.uid);
    if (lane === undefined) {
      lane = { waiting: [], working: undefined };
      this.#lanes.set(resource.uid, lane);
    }
    const [first] = lane.waiting;
    const keepsDeletion = resource.deletionTimestamp === undefined && first?.deletionTimestamp !== undefined;
    const dropped = keepsDeletion ? lane.waiting.slice(1) : lane.waiting;
    this.#waitingBytes += bytesOf(resource) - dropped.reduce((sum, one) => sum + bytesOf(one), 0);
    lane.waiting = keepsDeletion ? [first, resource] : [resource];
    if (lane.working === undefined) this.#ready.add(resource.uid);
    this.#pump();
    while (this.#waitingBytes > this.#maxWaitingBytes && !this.#stopped) {
      await new Promise<void>((resolve) => this.#roomFor.push(resolve));
    }
  }

  /** The newest event of a resource that has come and is not done; undefined: none. */
  newest(uid: string): FileResource | undefined {
    const lane = this.#lanes.get(uid);
    return lane?.waiting.at(-1) ?? lane?.working;
  }

  /** Starts nothing any more; resolves when what is under way is done. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#ready.clear();
    for (const free of this.#roomFor.splice(0)) free();
    return this.idle();
  }

  /** Resolves when nothing is under way and nothing waits. */
  idle(): Promise<void> {
    if (this.#working === 0 && this.#ready.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    for (const uid of this.#ready) {
      if (this.#working >= this.#parallel || this.#stopped) return;
      this.#ready.delete(uid);
      const lane = this.#lanes.get(uid);
      const resource = lane?.waiting.shift();
      if (lane === undefined || resource === undefined) continue;
      this.#waitingBytes -= bytesOf(resource);
      if (this.#waitingBytes <= this.#maxWaitingBytes) for (const free of this.#roomFor.splice(0)) free();
      lane.working = resource;
      this.#working++;
      void this.#work(resource).finally(() => this.#done(uid, lane));
    }
  }

  #done(uid: string, lane: Lane): void {
    lane.working = undefined;
    this.#working--;
    if (lane.waiting.length === 0) this.#lanes.delete(uid);
    else if (!this.#stopped) this.#ready.add(uid);
    this.#over?.(uid);
    this.#pump();
    if (this.#working === 0 && this.#ready.size === 0) for (const idle of this.#idle.splice(0)) idle();
  }
}

function bytesOf(resource: FileResource): number {
  return (resource.content?.byteLength ?? 0) + 512;
}
