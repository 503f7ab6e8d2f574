import { CeBrokerError, type Logger } from 'ce-broker-proto';
import type { StoreTable } from '../state/event-store.js';
import { Partition } from '../state/partition.js';
import type { Place } from '../state/place.js';
import { Resource } from '../state/resource.js';
import { restoreResource } from '../state/resource-codec.js';
import type { Databases } from './databases.js';
import type { Head } from './head-log.js';
import { decodeGroup, type HeadChange, numberOfKey, unseal } from './layout.js';

/** What was read to start with. */
export interface Recovered {
  readonly places: Map<number, Place>;
  /** What the journal says of resources, and events that are dead. */
  readonly heads: readonly Head[];
  readonly dead: readonly number[];
  readonly lastGroup: number;
  /** How many entries each group has in the journal, in ascending order of the groups. */
  readonly journal: Map<number, number>;
}

/** Reads what must be known before anybody is served: the directory of partitions, the journal; not the resources. */
export function recover(databases: Databases, table: StoreTable, logger: Logger): Recovered {
  const { left, places } = readPlaces(databases, table, logger);
  const changes = new Map<string, HeadChange>();
  const dead: number[] = [];
  const journal = new Map<number, number>();
  let lastGroup = 0;
  for (const { key, value } of databases.journal.getRange({})) {
    const entry = unseal(key, value);
    if (entry === undefined) {
      throw new CeBrokerError(
        'data_loss',
        `group ${numberOfKey(key)} of the journal is damaged: what was acknowledged last cannot be read`,
      );
    }
    lastGroup = numberOfKey(key);
    journal.set(lastGroup, (journal.get(lastGroup) ?? 0) + 1);
    const group = decodeGroup(entry);
    for (const change of group.changes) changes.set(`${change.partition} ${change.id}`, change);
    for (const position of group.dead) dead.push(position);
  }
  const heads: Head[] = [];
  for (const { id, partition, record } of changes.values()) {
    // What is not used at present settles all the same: its type may become durable again. So does what is gone together with its partition.
    const place = places.get(partition) ?? left.get(partition);
    if (place === undefined && record !== undefined) continue;
    const ends = place !== undefined && record !== undefined && endsByItself(place, id, record);
    if (ends && !left.has(partition)) table.addResource(place, id, record).mayBeInEnds = true;
    // What is settled of it may say something else.
    heads.push({ partition, id, record, ends, mayBeInEnds: true });
  }
  return { places, heads, dead, lastGroup, journal };
}

function endsByItself(place: Place, id: string, record: Buffer): boolean {
  const resource = new Resource(place, id);
  restoreResource(resource, record);
  return resource.endsByItself;
}

interface Places {
  readonly places: Map<number, Place>;
  /** Those whose types are no longer durable. */
  readonly left: Map<number, Place>;
}

function readPlaces({ partitions }: Databases, table: StoreTable, logger: Logger): Places {
  const places = new Map<number, Place>();
  const left = new Map<number, Place>();
  for (const { key, value } of partitions.getRange({})) {
    const record = unseal(key, value);
    if (record === undefined) {
      throw new CeBrokerError(
        'data_loss',
        `the record of partition ${key.readUInt32BE(0)} is damaged: what it holds cannot be found`,
      );
    }
    const stored = JSON.parse(record.toString());
    const number = key.readUInt32BE(0);
    const place = table.addPartition({ ...stored, number });
    if (place !== undefined) {
      places.set(number, place);
      continue;
    }
    const aside = new Partition(stored.dataType, stored.cluster);
    aside.number = number;
    left.set(number, aside);
  }
  if (left.size > 0) {
    logger.warn(
      { dataTypes: [...new Set([...left.values()].map(({ dataType }) => dataType))] },
      'these data types are no longer durable by their policy: what the store has of them is not used',
    );
  }
  return { left, places };
}

/** The broker's own entries; a damaged one is left out. */
export function readEntries({ entries }: Databases, logger: Logger): [string, string][] {
  const result: [string, string][] = [];
  for (const { key, value } of entries.getRange({})) {
    const record = unseal(key, value);
    if (record === undefined)
      logger.error({ entry: key.toString() }, 'an entry of the store is damaged: left out');
    else result.push([key.toString(), record.toString()]);
  }
  return result;
}
