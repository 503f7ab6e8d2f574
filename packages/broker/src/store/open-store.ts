import { chmodSync, closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Logger } from 'ce-broker-proto';
import type { OpenStore, StoreContext, StoreProvider } from '../state/event-store.js';
import { checkDataFile, type UncheckedPages } from './check-file.js';
import { DataDirLock } from './data-dir-lock.js';
import { type Databases, openDatabases } from './databases.js';
import { DEFAULT_SETTINGS, type LmdbSettings } from './lmdb-settings.js';
import { LmdbStore } from './lmdb-store.js';
import { Scrub } from './scrub.js';
import { cannotBeOpened } from './store-failure.js';
import { upgrade } from './upgrade.js';

/** Where a store lives, and how much memory it may use beside the files. */
export interface LmdbOptions extends Partial<LmdbSettings> {
  /** The folder of the files; it is created (0700) when it is not there, the files are 0600. One broker has it at a time. */
  readonly dataDir: string;
}

/**
 * A store in a folder: every acknowledged event is on disk before its acknowledgement. For `startBroker({ store: lmdbStore({ dataDir }) })`.
 * Opening it rejects with CeBrokerError: `failed_precondition` (another broker has the folder; it was written by a later version),
 * `data_loss` (its files are damaged), `unreadable_file` (the folder cannot be written).
 */
export function lmdbStore({ dataDir, ...settings }: LmdbOptions): StoreProvider {
  const directory = resolve(dataDir);
  return {
    name: 'lmdb',
    open: (context) => openStore(directory, { ...DEFAULT_SETTINGS, ...settings }, context),
  };
}

async function openStore(
  directory: string,
  settings: LmdbSettings,
  { logger }: StoreContext,
): Promise<OpenStore> {
  let store: LmdbStore | undefined;
  const lock = await DataDirLock.take(directory, {
    onLost: (error) => {
      logger.error({ directory }, error.message);
      store?.directoryIsLost(error);
    },
  });
  let databases: Databases | undefined;
  try {
    const rest = checkFile(directory, logger);
    databases = openFiles(directory);
    await upgrade(databases, directory, logger);
    let scrub: Scrub | undefined;
    store = new LmdbStore(databases, directory, logger, settings, () => {
      void scrub?.close();
      lock.release();
    });
    if (rest !== undefined) scrub = scrubInBackground(rest, store, logger);
    return store;
  } catch (thrown) {
    await databases?.root.close();
    lock.release();
    throw cannotBeOpened(thrown, directory);
  }
}

/** LMDB believes what its pages say: they are looked at before. */
function checkFile(directory: string, logger: Logger): UncheckedPages | undefined {
  const path = join(directory, 'data.mdb');
  const { bytes, bytesRead, kind, ms, rest } = checkDataFile(path);
  if (kind === 'blank') {
    logger.warn(
      { path },
      'the power went while the store was created: it holds nothing, and is created anew',
    );
    rmSync(path);
  }
  if (kind === 'used')
    logger.debug({ path, bytes, bytesRead, ms: Math.round(ms) }, "the store's file was checked");
  return rest;
}

function scrubInBackground(rest: UncheckedPages, store: LmdbStore, logger: Logger): Scrub {
  return new Scrub(rest, {
    onDamage: ({ message }) => {
      logger.error({ path: rest.path }, message);
      store.fileIsDamaged(message);
    },
  });
}

function openFiles(directory: string): Databases {
  // A worker cannot say with which rights files are made: there they get theirs a moment later.
  const before = isMainThread ? process.umask(0o077) : undefined;
  try {
    const databases = openDatabases(directory);
    for (const name of ['data.mdb', 'lock.mdb']) {
      const path = join(directory, name);
      if (existsSync(path)) chmodSync(path, 0o600);
    }
    syncNames(directory);
    syncNames(dirname(directory));
    return databases;
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

/** The names in a folder survive the power too, and not only what is in the files. */
function syncNames(folder: string): void {
  let handle: number | undefined;
  try {
    handle = openSync(folder, 'r');
    fsyncSync(handle);
  } catch {
    // The folder above may not be readable, and some systems do not sync folders.
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
