import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CeBrokerError } from 'ce-broker-proto';
import { BACKUP_FORMAT, BackupEncoder } from './backup-file.js';
import type { Databases } from './databases.js';
import { readProgress } from './progress.js';

const PING_MS = 2_000;
const PIECE_BYTES = 256 * 1024;
const COPY = /^backup-.*\.tmp$/;

/** Directories of which a copy is being made: one at a time each; it cannot be broken off. */
const busy = new Map<string, Promise<unknown>>();

/** Resolves once no copy of the directory's store is under way: before that its files must not be closed. */
export async function copied(directory: string): Promise<void> {
  await busy.get(directory);
}

/**
 * A consistent copy of the store at one moment, piece by piece, as `backup-file.ts` describes it; the store is used meanwhile. It is copied
 * beside the store first, without free pages, so as much room as the store needs must be there. Throws `failed_precondition` while another
 * copy is made, `resource_exhausted` without room.
 */
export async function* backup(databases: Databases, directory: string): AsyncGenerator<Uint8Array> {
  if (busy.has(directory)) {
    throw new CeBrokerError('failed_precondition', 'a backup is being made already: wait for it to end');
  }
  refuseWithoutRoom(databases, directory);
  busy.set(directory, Promise.resolve());
  const folder = join(directory, `backup-${process.pid}-${Date.now()}.tmp`);
  const copy = join(folder, 'data.mdb');
  try {
    for (const left of readdirSync(directory).filter((name) => COPY.test(name)))
      rmSync(join(directory, left), { recursive: true });
    const { epoch, position } = readProgress(databases.meta);
    const encoder = new BackupEncoder();
    const time = new Date().toISOString();
    yield encoder.header({ ceBrokerBackup: BACKUP_FORMAT, store: 'lmdb', epoch, position, time });
    mkdirSync(folder, { mode: 0o700 });
    const copying = databases.root.backup(folder, true);
    busy.set(
      directory,
      copying.catch(() => undefined),
    );
    yield* waiting(copying, encoder, directory);
    chmodSync(copy, 0o600);
    const file = await open(copy, 'r');
    try {
      for (let left = statSync(copy).size; left > 0; ) {
        const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(PIECE_BYTES, left)) });
        if (bytesRead === 0) throw new CeBrokerError('data_loss', `${copy} has become shorter meanwhile`);
        left -= bytesRead;
        yield encoder.data(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
    yield encoder.end();
  } finally {
    await copied(directory);
    rmSync(folder, { recursive: true, force: true });
    busy.delete(directory);
  }
}

/** Once the copy is on its way its failure can only break it off: what can be known before is said before. */
function refuseWithoutRoom({ meta }: Databases, directory: string): void {
  const { keptBytes } = readProgress(meta);
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free >= keptBytes) return;
  throw new CeBrokerError(
    'resource_exhausted',
    `the copy is made beside the store, in ${directory}: it needs some ${keptBytes} bytes there, and ${free} are free; make room, and try again`,
  );
}

/** A sign of life now and then, until the copy is made. */
async function* waiting(
  copying: Promise<void>,
  encoder: BackupEncoder,
  directory: string,
): AsyncGenerator<Uint8Array> {
  let done = false;
  const settled = copying.then(
    () => {
      done = true;
    },
    (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CeBrokerError(
        'resource_exhausted',
        `the copy of the store cannot be written to ${directory}: ${reason}; see that as much room is free as the store has`,
        { cause },
      );
    },
  );
  // Whoever asked may go away before it fails.
  settled.catch(() => undefined);
  while (!done) {
    await Promise.race([settled, wait(PING_MS, undefined, { ref: false })]);
    if (!done) yield encoder.ping();
  }
}
