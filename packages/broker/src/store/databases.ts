import { setTimeout as wait } from 'node:timers/promises';
import { type Database, open, type RootDatabase } from 'lmdb';

/** The databases of a store, each with keys and values as bytes. */
export interface Databases {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** Format, epoch, and how far it has come. */
  readonly meta: Database<Buffer, Buffer>;
  /** Partition number -> what it is, how much is in it, who owns something there. */
  readonly partitions: Database<Buffer, Buffer>;
  /** Position -> event. */
  readonly events: Database<Buffer, Buffer>;
  /** Group number -> what it changed; as long as that is not settled. */
  readonly journal: Database<Buffer, Buffer>;
  /** Partition number and resource id -> what is known of the resource. */
  readonly heads: Database<Buffer, Buffer>;
  /** The same keys, of those with an end ahead. */
  readonly ends: Database<Buffer, Buffer>;
  /** Entries of the broker's own. */
  readonly entries: Database<Buffer, Buffer>;
}

const BINARY = Object.freeze({ encoding: 'binary', keyEncoding: 'binary', cache: false } as const);

/**
 * Opens or creates the files in a folder. Every transaction is synced before it counts as committed, and its pages before the page that
 * names them.
 */
export function openDatabases(path: string): Databases {
  const root = open<Buffer, Buffer>({
    ...BINARY,
    path,
    noSubdir: false,
    maxDbs: 16,
    overlappingSync: false,
    noMemInit: true,
    // A group is a batch of its own. The package's own batches, one for each turn, leave a promise behind that nobody has, and that
    // ends the process when it is rejected.
    eventTurnBatching: false,
    maxReaders: 64,
  });
  const database = (name: string): Database<Buffer, Buffer> =>
    root.openDB<Buffer, Buffer>({ ...BINARY, name });
  return {
    root,
    meta: database('meta'),
    partitions: database('partitions'),
    events: database('events'),
    journal: database('journal'),
    heads: database('heads'),
    ends: database('ends'),
    entries: database('entries'),
  };
}

type PutWithOptions = (key: Buffer, value: Buffer, options: { readonly append: boolean }) => Promise<boolean>;

const LAST = Object.freeze({ append: true });
const ANYWHERE = Object.freeze({ append: false });
let heeded: Promise<boolean> | undefined;

/** The highest key that was put into each. */
const highest = new WeakMap<Database<Buffer, Buffer>, Buffer>();

/**
 * Puts a key that is above all others: pages are filled to the end. (The package takes options here; its types do not say so.) One that is
 * not above them, which would be left out without an error, is put where it belongs.
 */
export function putLast(database: Database<Buffer, Buffer>, key: Buffer, value: Buffer): void {
  const before = highest.get(database) ?? highestOf(database);
  const append = before === undefined || key.compare(before) > 0;
  if (append) highest.set(database, key);
  const written = (database as unknown as { put: PutWithOptions }).put(key, value, append ? LAST : ANYWHERE);
  if (written === heeded) return;
  // The batch tells whether it was committed; this promise, one for all of the batch, would tell it again.
  heeded = written;
  written.catch(ignore);
}

function highestOf(database: Database<Buffer, Buffer>): Buffer | undefined {
  for (const key of database.getKeys({ reverse: true, limit: 1 })) return key;
  return undefined;
}

const ignore = (): void => {};

/** So long is the reason waited for. */
const REASON_MS = 1_000;

/** Why a transaction was not committed: the package tells it a little later than that. */
export async function reasonOf(thrown: unknown): Promise<unknown> {
  if (typeof thrown !== 'object' || thrown === null || !('commitError' in thrown)) return thrown;
  const reason = Promise.resolve(thrown.commitError).then(
    () => thrown,
    (cause: unknown) => cause,
  );
  return await Promise.race([reason, wait(REASON_MS, thrown, { ref: false })]);
}
