import { setMaxListeners } from 'node:events';
import { resolve } from 'node:path';
import { CeBrokerError, type CloudEventsDataType, type Logger } from 'ce-broker-proto';
import type { Lister, ListOptions } from '../generic/lister.js';
import type { ResourceObject } from '../generic/resource.js';
import { StorePersistence } from './persistence.js';
import { idOf, type StoreEntry, StoreIndex, type StoreQuery } from './store-index.js';
import { type StoreChange, StoreWatch } from './store-watch.js';

/** Where a resource belongs. */
export interface ResourcePlace {
  readonly clusterName: string;
  readonly source: string;
  /** Needed in a store of several data types: without it a resource is listed under each of them. Default: none. */
  readonly dataType?: CloudEventsDataType | string | undefined;
}

/** What a {@link ResourceStore} is made of. */
export interface ResourceStoreOptions<T extends ResourceObject> {
  /** Default: the resource's own `clusterName` and `source`, which those of the ready codecs have. */
  readonly placeOf?: ((resource: T) => ResourcePlace) | undefined;
}

/** What {@link ResourceStore.open} takes: where it keeps what it holds. */
export interface StoredOptions<T extends ResourceObject> extends ResourceStoreOptions<T> {
  /**
   * Keeps the resources in this file, of which one process at a time can have the use: a log of JSON lines that is written afresh when
   * most of it is outdated (beside it: `.lock`, and for a moment `.tmp`). Dates, bigints and byte arrays come back as they were;
   * other class instances as plain objects. What a resource holds is not to change after `set`. Default: memory alone.
   */
  readonly file?: string | undefined;
  /** Changes of so many milliseconds are written together. Default 100. */
  readonly flushDelayMs?: number | undefined;
  /** Hears of writes that fail, and are tried again. Default: a process warning. */
  readonly logger?: Logger | undefined;
  /** Gives the opening up: where another machine may hold the file, that takes up to 15 s. */
  readonly signal?: AbortSignal | undefined;
}

/** Narrows a look-up by id; what is left out, or empty, does not. */
export interface ResourceQuery {
  readonly clusterName?: string | undefined;
  readonly source?: string | undefined;
  readonly dataType?: CloudEventsDataType | string | undefined;
}

/**
 * Holds resources by data type, cluster and id, and gives them to a client as its `lister`: one cluster's or one source's without looking
 * at the others, one resource in one step. A resource that is set replaces the one with the same key, whatever its source. Beyond Go.
 *
 * ```ts
 * await using store = await ResourceStore.open<JsonResource>({ file: 'resources.jsonl' });
 * store.set(resource);
 * ```
 */
export class ResourceStore<T extends ResourceObject> implements Lister<T> {
  readonly #placeOf: (resource: T) => ResourcePlace;
  readonly #index = new StoreIndex<T>();
  readonly #watches = new Set<StoreWatch<T>>();
  #persistence: StorePersistence | undefined;
  #closed: Promise<void> | undefined;

  /** In memory alone; with a file: {@link ResourceStore.open}. */
  constructor({ placeOf }: ResourceStoreOptions<T> = {}) {
    this.#placeOf = placeOf ?? ownPlace;
  }

  /**
   * With what the file holds. Rejects with `failed_precondition` when another process uses the file, `data_loss` naming file and line
   * when it is damaged, `unreadable_file` when it cannot be opened, and the signal's reason.
   */
  static async open<T extends ResourceObject>(options: StoredOptions<T> = {}): Promise<ResourceStore<T>> {
    const store = new ResourceStore<T>(options);
    const { file, flushDelayMs, logger, signal } = options;
    if (file === undefined) return store;
    const { persistence, resources } = await StorePersistence.open({
      // The working directory may change later.
      file: resolve(file),
      flushDelayMs,
      logger,
      signal,
      live: () => store.#index.entries(),
      size: () => store.#index.size,
    });
    try {
      for (const resource of resources) store.#index.set(store.#entryOf(resource as T));
    } catch (thrown) {
      await persistence.close();
      throw CeBrokerError.from(thrown);
    }
    store.#persistence = persistence;
    return store;
  }

  /** How many resources there are. */
  get size(): number {
    return this.#index.size;
  }

  /** As of now: what changes later does not change the list. */
  list(query: ListOptions | ResourceQuery = {}): T[] {
    return this.#index.list(normal(query));
  }

  /**
   * In one step where a cluster is given; without, in one for each cluster, and of several that match (an id that more than one cluster
   * has) any one.
   */
  get(uid: string, query: ListOptions | ResourceQuery = {}): T | undefined {
    return this.#index.find(uid, normal(query))[0]?.resource;
  }

  /** Adds or replaces. Throws `invalid_argument` for a resource without a place. */
  set(resource: T): void {
    this.#open();
    const entry = this.#entryOf(resource);
    const type = this.#index.has(entry.id) ? 'modified' : 'added';
    this.#index.set(entry);
    this.#changed(type, entry);
  }

  /** False when there was none. Throws `invalid_argument` when several match: say which cluster, or data type. */
  delete(uid: string, query: ResourceQuery = {}): boolean {
    this.#open();
    const [entry, second] = this.#index.find(uid, normal(query));
    if (entry === undefined) return false;
    if (second !== undefined) {
      const where = [entry, second].map(({ key: [type, cluster] }) => `${cluster} ${type}`.trim());
      throw new CeBrokerError(
        'invalid_argument',
        `the store holds several resources ${uid} (${where.join(', ')}, ...): give delete the clusterName and the dataType`,
        { field: 'uid' },
      );
    }
    this.#index.delete(entry);
    this.#changed('deleted', entry);
    return true;
  }

  /**
   * Tells every change from now on, until the signal or `close` ends it (what waits is still given). `initial` begins with what is
   * there, as `added`. A slow reader gets one change for each resource that sums up what it missed; nobody waits for it.
   */
  watch({
    signal,
    initial = false,
  }: {
    readonly signal?: AbortSignal | undefined;
    readonly initial?: boolean | undefined;
  } = {}): AsyncIterableIterator<StoreChange<T>> {
    const end = (): void => watch.end();
    const watch = new StoreWatch<T>(() => {
      this.#watches.delete(watch);
      signal?.removeEventListener('abort', end);
    });
    if (initial) {
      for (const { id, resource } of this.#index.entries()) watch.push(id, { type: 'added', resource });
    }
    if (this.#closed !== undefined || signal?.aborted === true) watch.end();
    else {
      this.#watches.add(watch);
      // One signal may end any number of watches; Node would take that for a leak.
      if (signal !== undefined) setMaxListeners(0, signal);
      signal?.addEventListener('abort', end, { once: true });
    }
    return watch;
  }

  /** Resolves when all changes until now are safe on the disk; rejects when they are not. Without a file at once. */
  async flush(): Promise<void> {
    await this.#persistence?.flush();
  }

  /** Writes what is left, and lets go of the file. Rejects when the last changes could not be written. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    for (const watch of this.#watches) watch.end();
    await this.#persistence?.close();
  }

  #changed(type: StoreChange<T>['type'], entry: StoreEntry<T>): void {
    this.#persistence?.changed(entry, type === 'deleted');
    for (const watch of this.#watches) watch.push(entry.id, { type, resource: entry.resource });
  }

  #entryOf(resource: T): StoreEntry<T> {
    const { clusterName, source, dataType } = this.#placeOf(resource);
    if (typeof resource.uid !== 'string' || typeof clusterName !== 'string' || typeof source !== 'string') {
      throw new CeBrokerError(
        'invalid_argument',
        `the resource ${String(resource.uid)} has no place: uid, clusterName and source must be strings; give the store a placeOf that tells them`,
        { field: 'placeOf' },
      );
    }
    const key = [dataType === undefined ? '' : String(dataType), clusterName, resource.uid] as const;
    return { id: idOf(key), key, source, resource };
  }

  #open(): void {
    if (this.#closed === undefined) return;
    throw new CeBrokerError('failed_precondition', 'this resource store is closed');
  }
}

function ownPlace(resource: ResourceObject): ResourcePlace {
  // Checked by whoever calls: a resource may have neither.
  return resource as ResourceObject & ResourcePlace;
}

function normal({ clusterName, source, dataType }: ResourceQuery): StoreQuery {
  return {
    clusterName: clusterName ?? '',
    source: source ?? '',
    dataType: dataType === undefined ? '' : String(dataType),
  };
}
