import { encodeResource } from '../state/resource-codec.js';
import { type Databases, putLast } from './databases.js';
import type { Group } from './group.js';
import type { Head } from './head-log.js';
import { encodeGroup, type HeadChange, journalKey, numberKey, resourceKey, seal } from './layout.js';
import { type Progress, writeProgress } from './progress.js';
import type { Slice } from './settling.js';

const NOTHING = Buffer.alloc(0);

export interface GroupToWrite {
  readonly group: Group;
  /** What is settled with it. */
  readonly slice: Slice | undefined;
  /** How far the store has come with the group before, and the position and bytes that it has with this one. */
  readonly before: Progress;
  /** How many entries each group has in the journal. */
  readonly journal: ReadonlyMap<number, number>;
}

export interface WrittenGroup {
  /** Resolves once all of it is on disk. */
  readonly committed: Promise<unknown>;
  readonly progress: Progress;
  readonly heads: readonly Head[];
  /** How many entries it has in the journal. */
  readonly entries: number;
}

/** Writes a group as one transaction. */
export function writeGroup(
  databases: Databases,
  { before, group, journal, slice }: GroupToWrite,
): WrittenGroup {
  const heads: Head[] = [];
  for (const resource of group.resources) {
    const { id, place } = resource;
    const record = encodeResource(resource);
    const ends = resource.endsByItself;
    heads.push({ partition: place.number, id, record, ends, mayBeInEnds: resource.mayBeInEnds });
    if (ends) resource.mayBeInEnds = true;
  }
  const isJournaled = heads.length > 0 || group.dead.length > 0;
  const number = before.group + (isJournaled ? 1 : 0);
  const settled = slice?.settledUpTo ?? before.settled;
  const progress = { ...before, group: number, settled };
  let entries = 0;
  const committed = databases.root.batch(() => {
    group.events.forEach((position, record) => {
      putLast(databases.events, numberKey(position), record);
    });
    if (isJournaled) entries = writeJournal(databases, number, heads, group.dead);
    writePlaces(databases, group);
    writeEntries(databases, group);
    if (slice !== undefined) settle(databases, slice, before.settled, journal);
    void writeProgress(databases.meta, progress);
  });
  return { committed, progress, heads, entries };
}

function writeJournal(
  { journal }: Databases,
  group: number,
  changes: readonly HeadChange[],
  dead: readonly number[],
): number {
  let count = 0;
  for (const entry of encodeGroup(changes, dead)) {
    const key = journalKey(group, count);
    putLast(journal, key, seal(key, entry));
    count += 1;
  }
  return count;
}

function writePlaces({ partitions }: Databases, { droppedPlaces, places }: Group): void {
  for (const { cluster, dataType, number, owned, requests, size } of places) {
    const key = resourceKey(number, '');
    const text = JSON.stringify({ cluster, dataType, size, requests, owned: [...owned] });
    void partitions.put(key, seal(key, Buffer.from(text)));
  }
  for (const number of droppedPlaces) void partitions.remove(resourceKey(number, ''));
}

function writeEntries(databases: Databases, group: Group): void {
  for (const [name, value] of group.entries) {
    const key = Buffer.from(name);
    if (value === undefined) void databases.entries.remove(key);
    else void databases.entries.put(key, seal(key, Buffer.from(value)));
  }
}

/** Writes heads where they belong, and forgets dead events; with the last slice of a round the journal up to it goes too. */
function settle(
  { ends, events, heads, journal: database }: Databases,
  slice: Slice,
  before: number,
  journal: ReadonlyMap<number, number>,
): void {
  for (const { ends: isEnding, key, mayBeInEnds, record } of slice.heads) {
    if (record === undefined) void heads.remove(key);
    else void heads.put(key, seal(key, record));
    if (isEnding) void ends.put(key, NOTHING);
    else if (mayBeInEnds) void ends.remove(key);
  }
  for (const position of slice.dead) void events.remove(numberKey(position));
  const { settledUpTo } = slice;
  if (settledUpTo === undefined) return;
  for (let group = before + 1; group <= settledUpTo; group++) {
    const count = journal.get(group) ?? 0;
    for (let entry = 0; entry < count; entry++) void database.remove(journalKey(group, entry));
  }
}
