import { CeBrokerError } from 'ce-broker-proto';
import type { DamagedRecord } from '../state/event-store.js';
import type { Cell, Resource } from '../state/resource.js';
import type { StoredBytes } from '../state/stored.js';
import type { Core } from './core.js';
import { enqueue } from './held.js';
import { confirmFarewell } from './keep.js';
import { askForSpecs } from './spec-ask.js';
import { scheduleStatusAsk } from './status-ask.js';

/**
 * The bytes of an event; undefined: they are not what was written. A damaged event is never handed on: it is as if it had never been
 * kept, and whoever has it is asked for it again.
 */
export function readOrDrop(core: Core, cell: Cell, stored: StoredBytes): Uint8Array | undefined {
  try {
    return core.store.read(stored);
  } catch (thrown) {
    if (!(thrown instanceof CeBrokerError) || thrown.code !== 'data_loss') throw thrown;
    const { id: resourceId, place } = cell.resource;
    const { cluster, dataType } = place;
    core.counters.count(core.counters.dropped, 'damaged');
    core.port.note({ kind: 'damaged', what: 'event', cluster, dataType, resourceId });
    enqueue(core, `damaged ${cluster}\n${dataType}\n${resourceId}\n${stored.position}`, (now) => {
      const resource = core.table.find(dataType, cluster)?.find(resourceId);
      if (resource !== undefined) drop(core, resource, stored, now);
    });
    return undefined;
  }
}

/**
 * What was known of a resource is damaged, also whose it was: every source that owns something in its partition is asked for what is not
 * listed. It is listed to none: a source that does not have it would delete it.
 */
export function askForDamaged(core: Core, { cluster, dataType, resourceId }: DamagedRecord): void {
  core.table.find(dataType, cluster)?.damaged.add(resourceId);
  enqueue(core, `damaged ${cluster}\n${dataType}`, (now) => {
    const partition = core.table.find(dataType, cluster);
    if (partition === undefined) return;
    for (const source of partition.owned.keys()) {
      askForSpecs(core, source, partition, now);
      scheduleStatusAsk(core, partition, source, now);
    }
  });
}

/** Whose it is stays known, so that what an agent lists of it is no orphan, and its source is asked about it. */
function drop(core: Core, resource: Resource, stored: StoredBytes, now: number): void {
  const { owner, place } = resource;
  const partition = core.table.partition(place.dataType, place.cluster);
  // It can be shown to nobody any more: what waited for it goes out.
  if (resource.farewell?.stored.position === stored.position) confirmFarewell(core, resource, now);
  if (resource.spec?.stored.position === stored.position) {
    core.store.forget(stored);
    resource.spec = undefined;
    resource.newestVersion = 0n;
    core.table.changed(resource);
    // At version 0: whatever it was, the source sends it again or deletes it.
    if (owner !== undefined)
      askForSpecs(core, owner, partition, now, { listed: new Map([[resource.id, 0n]]) });
  }
  if (resource.status?.stored.position === stored.position) {
    core.store.forget(stored);
    resource.status = undefined;
    core.table.changed(resource);
    if (owner !== undefined) scheduleStatusAsk(core, partition, owner, now);
  }
  if (resource.request?.stored.position === stored.position) {
    core.store.forget(stored);
    resource.request = undefined;
    core.table.changed(resource);
  }
}
