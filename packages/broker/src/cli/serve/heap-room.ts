import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** So much may become garbage before the old heap is collected, in bytes; of a large heap a part of its size. */
const ROOM_BYTES = 64 * 1024 * 1024;
const LEAST_PERCENT = 30;
const LOOK_MS = 5_000;

/** By how much the old heap may grow between two collections of all of it, in percent of what is used. */
export function growingPercent(usedBytes: number): number {
  return Math.max(LEAST_PERCENT, Math.round((ROOM_BYTES / Math.max(usedBytes, 1)) * 100));
}

/**
 * Gives the garbage collector room. V8 counts what sockets read as growth of the old heap, where it does not lie, and would collect all of that
 * every eight megabytes: under load several times a second, each time with a pause. This is a process-wide
 * setting, so only the command makes it; programs that embed the broker choose for themselves (docs/operations/memory.md).
 */
export function giveHeapRoom(): void {
  let set = 0;
  const look = (): void => {
    const percent = growingPercent(getHeapStatistics().used_heap_size);
    // Small changes are not worth a word to V8.
    if (Math.abs(percent - set) <= set / 10) return;
    set = percent;
    setFlagsFromString(`--heap-growing-percent=${percent}`);
  };
  look();
  setInterval(look, LOOK_MS).unref();
}
