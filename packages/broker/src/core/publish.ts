import { CeBrokerError } from 'ce-broker-proto';
import type { DataTypePolicy } from '../access/data-type-policy.js';
import { directionOf } from '../access/direction.js';
import type { Identity } from '../access/identity.js';
import type { Session } from '../delivery/session.js';
import type { SessionRole } from '../delivery/session-description.js';
import { isStaleStatus, judgeSpec } from '../state/ordering.js';
import type { Cell, Resource } from '../state/resource.js';
import { appendAttribute } from '../wire/attributes.js';
import { hasDeletedCondition } from '../wire/deleted-condition.js';
import { EMPTY } from '../wire/empty.js';
import type { Envelope } from '../wire/envelope.js';
import { completeDeletion } from './complete-deletion.js';
import type { Core } from './core.js';
import { beginLife, bury, dropFarewell, endLife, isDurable, isOwed, keep, showLife } from './keep.js';
import { guardDeletion, voidHeldDeletion } from './mass-deletion.js';
import type { PublishCall } from './port.js';
import { confirmRestored } from './reconcile.js';
import { noteStale, refuse, required } from './refuse.js';
import { relay } from './relay.js';
import { receiveResync } from './resync.js';
import { scheduleStatusAsk } from './status-ask.js';

/** The longest resource id that is kept, in bytes of UTF-8: a store has it in its keys. */
const LONGEST_ID = 1024;

/** One Publish: scan, authorise, append, mark, offer, answer. */
export function publish(
  core: Core,
  call: PublishCall,
  request: Uint8Array,
  identity: Identity,
  now: number,
): void {
  let event: Envelope | undefined;
  let remembered = false;
  try {
    core.counters.published += 1;
    core.counters.publishedBytes += request.byteLength;
    if (core.draining)
      throw new CeBrokerError('unavailable', 'the broker is shutting down: publish again when connected');
    event = core.scanner.scanPublishRequest(request);
    call.received?.(event);
    const policy = core.policies.of(event.type.dataType);
    const direction = directionOf(event, policy, identity);
    const isResync = direction === 'spec-resync' || direction === 'status-resync';
    const service = isResync ? undefined : core.services.get(event.type.dataType);
    if (service !== undefined) {
      service.handle(event, identity, call);
      return;
    }
    if (!core.recent.add(event.source, event.id)) {
      core.counters.duplicates += 1;
      acknowledgeWhenDurable(core, call, now);
      return;
    }
    remembered = true;
    switch (direction) {
      case 'spec-resync':
      case 'status-resync':
        receiveResync(core, event, direction, now);
        acknowledge(core, call);
        return;
      case 'spec-to-agents':
        publishSpec(core, call, event, policy, now, identity.user);
        return;
      case 'spec-to-sources':
        publishUpward(core, call, event, policy, now, identity.user);
        return;
      case 'status-to-source':
        publishStatus(core, call, event, policy, now, identity.user);
        return;
      case 'undecidable':
        throw new CeBrokerError(
          'failed_precondition',
          `type ${event.type.name}: question and answer look alike, so the broker cannot tell who asks; ` +
            `register a service for ${event.type.dataType}, or give the publisher's identity a role`,
          { field: 'type' },
        );
    }
  } catch (thrown) {
    if (remembered && event !== undefined) core.recent.forget(event.source, event.id);
    refuse(core, call, thrown, event, identity, now);
  }
}

/** A source says what a resource should be. */
export function publishSpec(
  core: Core,
  call: PublishCall | undefined,
  event: Envelope,
  policy: DataTypePolicy,
  now: number,
  user: string,
): void {
  const cluster = required(event.cluster, 'clustername', event);
  const id = required(event.resourceId, 'resourceid', event);
  refuseBrokenVersion(event);
  const { dataType } = event.type;
  if (!core.options.keepState || policy.keep === 'none') {
    noteSecondSource(core, event);
    relay(core, core.sessions.of('agent', cluster), event);
    acknowledge(core, call);
    return;
  }
  refuseWhatCannotBeKept(core, id, policy);
  const partition = core.table.partition(dataType, cluster);
  const resource = partition.resource(id);
  if (partition.beforeChange.size > 0) for (const look of partition.beforeChange) look(resource);
  refuseOtherOwner(resource, event);
  const verdict = core.reconciling.judge(resource, event, now) ?? judgeSpec(resource, event);
  if (verdict === 'stale') {
    core.counters.stale += 1;
    noteStale(core, resource, event, user, now);
    acknowledgeWhenDurable(core, call, now, event);
    return;
  }
  const learned = resource.spec === undefined && event.type.action === 'resync_response';
  guardDeletion(core, partition, resource, event, now);
  confirmRestored(core, resource);
  core.adoptions.returned(event.source);
  if (verdict === 'new-life') {
    beginLife(core, resource, event, now);
    voidHeldDeletion(core, resource, event);
  }
  const endsUnseen = event.deleting && isLifeUnseen(core, resource);
  if (event.deleting) endLife(core, resource);
  const bytes = event.deleting ? completeDeletion(core, resource, event, policy) : event.bytes;
  core.table.setOwner(resource, event.source);
  const cell = keep(core, resource, 'spec', event, bytes, now, user);
  cell.endsUnseen = endsUnseen;
  if (learned) scheduleStatusAsk(core, partition, event.source, now);
  settle(core, call, event, cell, 'agent', cluster, now);
}

/** An agent says what a resource is. */
function publishStatus(
  core: Core,
  call: PublishCall,
  event: Envelope,
  policy: DataTypePolicy,
  now: number,
  user: string,
): void {
  const id = required(event.resourceId, 'resourceid', event);
  const named = event.originalSource ?? '';
  const { cluster } = event;
  if (cluster === undefined || cluster === '' || !core.options.keepState || policy.keep === 'none') {
    relay(core, core.sessions.of('source', named), event);
    acknowledge(core, call);
    return;
  }
  refuseWhatCannotBeKept(core, id, policy);
  const partition = core.table.partition(event.type.dataType, cluster);
  const resource = partition.resource(id);
  core.reconciling.heardAgent(partition, now);
  if (isStaleStatus(resource.status?.sequenceId ?? resource.grave?.sequenceId, event)) {
    core.counters.stale += 1;
    noteStale(core, resource, event, user, now);
    acknowledgeWhenDurable(core, call, now, event);
    return;
  }
  const gone = mayBeGone(resource, policy) && hasDeletedCondition(event);
  if (gone && tellsOfEarlierLife(resource)) {
    // Nothing is kept of it, but that it is over is: the answer waits for a position of its own.
    core.position += 1;
    dropFarewell(core, resource);
    resource.deletionSentAt = undefined;
    acknowledgeWhenDurable(core, call, now, event, resource);
    return;
  }
  if (named !== '' && resource.owner === undefined && !core.adoptions.isRetired(named))
    core.table.setOwner(resource, named);
  const heir = core.adoptions.heirOf(named, resource.owner);
  const bytes =
    heir === undefined
      ? event.bytes
      : appendAttribute(event.bytes, 'ce-originalsource', { kind: 'string', value: heir });
  const cell = keep(core, resource, 'status', event, bytes, now, user);
  cell.gone = gone;
  const { tombstone } = resource;
  // What is not durable was handed to nobody: this is about a deletion before it.
  const handed = tombstone !== undefined && isDurable(core, tombstone) && !isOwed(core, tombstone);
  if (gone && handed) bury(core, resource, now);
  settle(core, call, event, cell, 'source', heir ?? named, now);
}

/** An agent says what a resource should be: leases, certificate requests, cluster registrations. It goes by arrival. */
function publishUpward(
  core: Core,
  call: PublishCall,
  event: Envelope,
  policy: DataTypePolicy,
  now: number,
  user: string,
): void {
  const named = event.originalSource ?? '';
  const { cluster, resourceId } = event;
  const keepable = cluster !== undefined && cluster !== '' && resourceId !== undefined && resourceId !== '';
  if (!keepable || !core.options.keepState || policy.keep === 'none') {
    relay(core, core.sessions.of('source', named), event);
    acknowledge(core, call);
    return;
  }
  refuseWhatCannotBeKept(core, resourceId, policy);
  const resource = core.table.partition(event.type.dataType, cluster).resource(resourceId);
  const cell = keep(core, resource, 'request', event, event.bytes, now, user);
  cell.to = named;
  settle(core, call, event, cell, 'source', named, now);
}

/**
 * Delivery and answer follow at once when the store is durable already, else when it says so. The receivers are the agents of the
 * cluster `to`, or the source `to`; `""` is all sources.
 */
export function settle(
  core: Core,
  call: PublishCall | undefined,
  event: Envelope,
  cell: Cell,
  role: SessionRole,
  to: string,
  now: number,
): void {
  if (!isDurable(core, cell)) {
    const { id, source } = event;
    const { position, stored } = cell;
    core.pending.push({ position, cell, stored, role, to, at: now, call, source, id });
    return;
  }
  offer(core.sessions.of(role, to), cell, core.store.read(cell.stored), now);
  acknowledge(core, call);
}

/** Hands a durable event to everybody who takes its data type. */
function offer(receivers: readonly Session[], cell: Cell, bytes: Uint8Array, now: number): void {
  const { dataType } = cell.resource.place;
  for (const session of receivers) {
    if (session.takes(dataType)) session.offer(cell, bytes, now);
  }
}

export function acknowledge(core: Core, call: PublishCall | undefined): void {
  if (call === undefined) return;
  core.counters.acknowledged += 1;
  call.reply(EMPTY);
}

/**
 * What this event adds nothing to may itself not be durable yet. An agent ignores the present life of a resource until it is told that the
 * broker has its word on the end of the one before: that one's answer comes first.
 * @param event what was decided about it goes by what may still be lost: then it may be sent again; undefined: it is a copy
 */
function acknowledgeWhenDurable(
  core: Core,
  call: PublishCall | undefined,
  now: number,
  event?: Envelope,
  confirmed?: Resource,
): void {
  if (core.position <= core.store.durablePosition) {
    acknowledge(core, call);
    if (confirmed !== undefined) showLife(core, confirmed, now);
    return;
  }
  const { position } = core;
  const { id, source } = event ?? { id: '', source: '' };
  const nothing = { cell: undefined, stored: undefined, role: 'agent', to: '' } as const;
  core.pending.push({ ...nothing, position, at: now, call, confirmed, id, source });
}

/** Nothing has changed yet: what the store cannot take now, or ever, is refused before. */
function refuseWhatCannotBeKept(core: Core, resourceId: string, policy: DataTypePolicy): void {
  if (resourceId.length > LONGEST_ID / 3 && Buffer.byteLength(resourceId) > LONGEST_ID) {
    throw new CeBrokerError(
      'invalid_argument',
      `resourceid has ${Buffer.byteLength(resourceId)} bytes: an id that is kept has at most ${LONGEST_ID}`,
      { field: 'resourceid' },
    );
  }
  const { refusal } = core.store;
  if (refusal !== undefined && policy.keep === 'durable') {
    core.counters.count(core.counters.refusedByStore, refusal.reason);
    throw new CeBrokerError(refusal.code, refusal.message);
  }
}

function refuseBrokenVersion(event: Envelope): void {
  if (event.versionState !== 'invalid' && event.version >= 0n) return;
  throw new CeBrokerError(
    'invalid_argument',
    `resourceversion is not a whole number from 0 to 9223372036854775807: an event of type ${event.type.name} carries it as an integer or as its decimal text`,
    { field: 'resourceversion' },
  );
}

function refuseOtherOwner(resource: Resource, event: Envelope): void {
  const { owner } = resource;
  if (owner === undefined || owner === event.source) return;
  if (resource.spec === undefined && resource.grave !== undefined) return;
  throw new CeBrokerError(
    'permission_denied',
    `resourceid ${resource.id} on cluster ${resource.place.cluster} belongs to source ${owner}: source ${event.source} may not publish it; use another id`,
    { field: 'resourceid' },
  );
}

/** A deletion that waits for consent follows on a life that agents may not know, since the deletion of the one before was still owed to them. */
function isLifeUnseen(core: Core, { farewell, place, spec }: Resource): boolean {
  if (core.deletions.at(place) === undefined) return false;
  return farewell !== undefined || spec?.endsUnseen === true;
}

function mayBeGone(resource: Resource, policy: DataTypePolicy): boolean {
  if (policy.deletion !== 'deleted-condition') return false;
  return (
    resource.tombstone !== undefined ||
    resource.farewell !== undefined ||
    resource.earlierVersion !== undefined
  );
}

/**
 * The resource lives again: this Deleted is about the life before, and its source has moved on. A Go source would take it for the present
 * one and forget the work.
 */
function tellsOfEarlierLife(resource: Resource): boolean {
  return resource.spec !== undefined && !resource.spec.deleting && resource.earlierVersion !== undefined;
}

/** Without state, two sources on one data type delete each other's work at the next resync: worth a warning. */
function noteSecondSource(core: Core, event: Envelope): void {
  const known = core.writersWithoutState.get(event.type.dataType)?.size ?? 0;
  if (core.options.keepState || known > 1 || core.writersWithoutState.size > 1000) return;
  const sources = core.writersWithoutState.get(event.type.dataType) ?? new Set<string>();
  if (sources.has(event.source)) return;
  sources.add(event.source);
  core.writersWithoutState.set(event.type.dataType, sources);
  if (sources.size === 2)
    core.port.note({ kind: 'second-source', dataType: event.type.dataType, sources: [...sources] });
}
