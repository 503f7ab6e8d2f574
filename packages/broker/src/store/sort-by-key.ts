/** What is packed into one number: four bytes of a key, and where its entry was. */
const PLACES = 2 ** 21;
/** So many neighbours are settled in one transaction: their order among each other does not matter. */
const NEIGHBOURS = 256;
/** Ids that are alike in more places than these stay as they were: whoever chooses ids does not choose how long a turn takes. */
const LEVELS = 3;
const MOST_ALIKE = 64;

/** The keys of entries. */
export interface Keys {
  lengthOf(entry: number): number;
  /** Four bytes of an entry's key as a number, from there on; 0 after its end. */
  fourBytes(entry: number, from: number): number;
  /** How many bytes two keys have in common from there on, at most so many. */
  common(entry: number, other: number, from: number, most: number): number;
}

/**
 * Sorts entries by their keys, almost: a few that begin alike may stay as they were. Four bytes at a time, as numbers, which takes a
 * fraction of what comparing keys takes.
 * @param from so many bytes of their keys are the same
 */
export function sortByKey(entries: Uint32Array, keys: Keys, from: number): void {
  for (let start = 0; start < entries.length; start += PLACES)
    sortFrom(entries.subarray(start, start + PLACES), keys, from, LEVELS);
}

function sortFrom(entries: Uint32Array, keys: Keys, from: number, levels: number): void {
  const packed = new Float64Array(entries.length);
  for (let place = 0; place < entries.length; place++)
    packed[place] = keys.fourBytes(entries[place] ?? 0, from) * PLACES + place;
  packed.sort();
  const before = Uint32Array.from(entries);
  let start = 0;
  let first = Number.NaN;
  for (let place = 0; place < packed.length; place++) {
    const number = packed[place] ?? 0;
    const bytes = Math.floor(number / PLACES);
    entries[place] = before[number - bytes * PLACES] ?? 0;
    if (bytes === first) continue;
    sortAlike(entries.subarray(start, place), keys, from + 4, levels - 1);
    start = place;
    first = bytes;
  }
  sortAlike(entries.subarray(start), keys, from + 4, levels - 1);
}

function sortAlike(entries: Uint32Array, keys: Keys, depth: number, levels: number): void {
  if (levels === 0 || entries.length <= NEIGHBOURS) return;
  sortFrom(entries, keys, commonLength(entries, keys, depth), levels);
}

function commonLength(entries: Uint32Array, keys: Keys, from: number): number {
  const first = entries[0] ?? 0;
  let length = Math.min(MOST_ALIKE, keys.lengthOf(first) - from);
  for (let place = 1; place < entries.length && length > 0; place++)
    length = keys.common(first, entries[place] ?? 0, from, length);
  return from + length;
}
