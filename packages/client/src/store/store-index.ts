import { CeBrokerError } from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';
import type { StoredKey } from './store-lines.js';

/** One resource, and where it is found. */
export interface StoreEntry<T extends ResourceObject> {
  readonly id: string;
  readonly key: StoredKey;
  readonly source: string;
  readonly resource: T;
}

/** What narrows a look-up; empty and undefined: all. */
export interface StoreQuery {
  readonly clusterName: string;
  readonly source: string;
  readonly dataType: string;
}

/** The key as one string. None of its parts may hold the character between them. */
export function idOf(key: StoredKey): string {
  const id = key.join('\0');
  if (id.split('\0').length === key.length) return id;
  throw new CeBrokerError(
    'invalid_argument',
    `the resource ${JSON.stringify(key[2])} of the cluster ${JSON.stringify(key[1])}: ids, clusters and data types must not hold a NUL character`,
    { field: 'uid' },
  );
}

/** Resources by key, by cluster and by source. */
export class StoreIndex<T extends ResourceObject> {
  readonly #entries = new Map<string, StoreEntry<T>>();
  readonly #clusters = new Map<string, Map<string, StoreEntry<T>>>();
  readonly #sources = new Map<string, Map<string, StoreEntry<T>>>();
  /** Data types that were ever here: a few. */
  readonly #dataTypes = new Set<string>();

  get size(): number {
    return this.#entries.size;
  }

  entries(): Iterable<StoreEntry<T>> {
    return this.#entries.values();
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  set(entry: StoreEntry<T>): void {
    const before = this.#entries.get(entry.id);
    if (before !== undefined && before.source !== entry.source) {
      drop(this.#sources, before.source, before.id);
    }
    this.#entries.set(entry.id, entry);
    add(this.#clusters, entry.key[1], entry);
    add(this.#sources, entry.source, entry);
    this.#dataTypes.add(entry.key[0]);
  }

  delete({ id, key, source }: StoreEntry<T>): void {
    this.#entries.delete(id);
    drop(this.#clusters, key[1], id);
    drop(this.#sources, source, id);
  }

  /** A copy, so that the caller may change the store while it reads. Looks at the smaller of the cluster and the source. */
  list(query: StoreQuery): T[] {
    const { clusterName, source, dataType } = query;
    const ofCluster = clusterName === '' ? undefined : (this.#clusters.get(clusterName) ?? new Map());
    const ofSource = source === '' ? undefined : (this.#sources.get(source) ?? new Map());
    const smaller = (ofSource?.size ?? Infinity) < (ofCluster?.size ?? Infinity) ? ofSource : ofCluster;
    const found: T[] = [];
    for (const entry of (smaller ?? this.#entries).values()) {
      if (clusterName !== '' && entry.key[1] !== clusterName) continue;
      if (source !== '' && entry.source !== source) continue;
      if (dataType !== '' && entry.key[0] !== '' && entry.key[0] !== dataType) continue;
      found.push(entry.resource);
    }
    return found;
  }

  /** Every resource with this id; in one step for a given cluster, in one for each cluster without. */
  find(uid: string, { clusterName, source, dataType }: StoreQuery): StoreEntry<T>[] {
    const found: StoreEntry<T>[] = [];
    const clusters = clusterName === '' ? this.#clusters.keys() : [clusterName];
    for (const cluster of clusters) {
      for (const type of this.#dataTypes) {
        if (dataType !== '' && type !== '' && type !== dataType) continue;
        const entry = this.#entries.get(`${type}\0${cluster}\0${uid}`);
        if (entry !== undefined && (source === '' || entry.source === source)) found.push(entry);
      }
    }
    return found;
  }
}

type Groups<T extends ResourceObject> = Map<string, Map<string, StoreEntry<T>>>;

function add<T extends ResourceObject>(groups: Groups<T>, name: string, entry: StoreEntry<T>): void {
  const group = groups.get(name);
  if (group === undefined) groups.set(name, new Map([[entry.id, entry]]));
  else group.set(entry.id, entry);
}

function drop<T extends ResourceObject>(groups: Groups<T>, name: string, id: string): void {
  const group = groups.get(name);
  group?.delete(id);
  if (group?.size === 0) groups.delete(name);
}
