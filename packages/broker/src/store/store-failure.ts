import { statfsSync } from 'node:fs';
import { CeBrokerError } from 'ce-broker-proto';
import type { StoreRefusal } from '../state/event-store.js';

/** ENOSPC, EDQUOT, EFBIG, and LMDB's own word for a map that cannot grow. */
const NO_ROOM: ReadonlySet<unknown> = new Set([28, 122, 27, -30792, 'ENOSPC', 'EDQUOT', 'EFBIG']);
const NO_ROOM_TEXT = /no space left|quota exceeded|file too large|mapsize|map_full/i;

/** LMDB makes EIO of a write that was cut short, which is what a disk does that has no room for all of it. */
const IO_ERROR = 5;
const LEAST_ROOM = 1024 * 1024;

/** What a Publish is told when the disk did not take it. */
export function refusalOf(thrown: unknown, directory: string): StoreRefusal {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
  const cutShort = code === IO_ERROR && !hasRoom(directory);
  if (cutShort || NO_ROOM.has(code) || NO_ROOM_TEXT.test(message)) {
    return {
      reason: 'disk-full',
      code: 'resource_exhausted',
      message: `the disk of ${directory} is full (${message}): the event is not kept; make room, and publish it again`,
    };
  }
  return {
    reason: 'disk-error',
    code: 'unavailable',
    message: `the disk of ${directory} does not take it (${message}): the event is not kept; publish it again`,
  };
}

function hasRoom(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize >= LEAST_ROOM;
  } catch {
    return true;
  }
}

/** Somebody else has the directory. */
export function isLost({ message }: Error): StoreRefusal {
  return { reason: 'disk-error', code: 'unavailable', message };
}

/** More waits for the disk than may wait. */
export function isBehind(waiting: number, directory: string): StoreRefusal {
  return {
    reason: 'behind',
    code: 'resource_exhausted',
    message: `${waiting} bytes wait for the disk of ${directory} already: publish again when it has caught up`,
  };
}

/** What stands in the way of a store, with where it is and what to do. */
export function cannotBeOpened(thrown: unknown, directory: string): CeBrokerError {
  const error = CeBrokerError.from(thrown, 'unreadable_file');
  if (error.message.includes(directory)) return error;
  return new CeBrokerError(
    error.code,
    `the store in ${directory} (data.mdb) cannot be opened: ${error.message}; restore a backup, or move the folder away (the broker then starts empty, and resync fills it)`,
    { field: 'dataDir', cause: thrown },
  );
}
