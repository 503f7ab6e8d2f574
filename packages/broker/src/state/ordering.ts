import type { Envelope } from '../wire/envelope.js';
import type { Cell, CellView, Grave, Resource } from './resource.js';

/** `take`: it is the newest. `new-life`: it is the newest and begins a new incarnation. `stale`: acknowledge and forget. */
export type Verdict = 'take' | 'new-life' | 'stale';

/**
 * Is this spec newer than what is held? A version alone is no order: the default is 0, and a resource that is created again starts
 * over. So a `create_request` after a deletion begins a new life, version 0 goes by arrival, and everything else must be newer
 * than the newest non-zero version of its life, or than the tombstone.
 */
export function judgeSpec(resource: Resource, event: Envelope): Verdict {
  if (resource.spec?.inherited === true) return judgeHeir(resource, event);
  if (resource.spec?.declined === true) return judgeDeclined(resource, resource.spec, event);
  if (event.deleting) return judgeDeletion(resource, event);
  const creates = event.type.action === 'create_request';
  const { version } = event;
  if (resource.spec === undefined || resource.spec.deleting) {
    const end = resource.spec ?? resource.grave;
    if (end === undefined) return 'take';
    const ended = later(end.version, resource.newestVersion);
    if (creates || answersLaterQuestion(resource, end, event)) return 'new-life';
    const late = event.time !== 0 && event.time < end.stampedAt;
    return !late && (version === 0n || version > ended) ? 'new-life' : 'stale';
  }
  if (isOfEarlierLife(resource, event)) return 'stale';
  return version === 0n || version > resource.newestVersion ? 'take' : 'stale';
}

/** The first word of an owner that was given the resource: the versions of the one before say nothing about its own. */
function judgeHeir({ newestVersion, spec }: Resource, event: Envelope): Verdict {
  if (event.deleting) return 'take';
  return spec?.deleting === true || (event.version !== 0n && event.version < newestVersion)
    ? 'new-life'
    : 'take';
}

/**
 * Its source has deleted it, and an operator said no. What the source has said since counts: the same version confirms the life that was to
 * end. Only a create says that it did end; a lower version alone may be a source that was restored, and nobody infers a deletion.
 */
function judgeDeclined({ newestVersion }: Resource, spec: Cell, event: Envelope): Verdict {
  if (event.deleting) return 'take';
  if (event.time !== 0 && event.time < spec.stampedAt) return 'stale';
  const { version } = event;
  const isNewer = version === 0n ? newestVersion === 0n : version > newestVersion;
  if (event.type.action === 'create_request' && !isNewer) return 'new-life';
  return version === 0n || version >= newestVersion ? 'take' : 'stale';
}

/** Under way for so long that the resource was deleted and created again meanwhile: its source stamped it before that. */
function isOfEarlierLife(resource: Resource, event: Envelope): boolean {
  return resource.earlierVersion !== undefined && event.time !== 0 && event.time < resource.lifeBegan;
}

/**
 * The source was asked after its deletion was taken, and answers with the resource, stamped later than the deletion: it created the
 * resource again, and the publish that would have said so failed (docs/adr/0004).
 */
function answersLaterQuestion(resource: Resource, end: Cell | Grave, event: Envelope): boolean {
  if (event.type.action !== 'resync_response' || event.time === 0 || end.stampedAt === 0) return false;
  const asked = resource.place.asked.get(event.source);
  return asked !== undefined && asked.position >= end.position && event.time > end.stampedAt;
}

/**
 * A deletion is taken whatever its version, unless a newer life has begun: its version then belongs to the earlier one, or
 * its source stamped it before this life was created.
 */
function judgeDeletion(resource: Resource, event: Envelope): Verdict {
  const { earlierVersion } = resource;
  if (resource.spec === undefined || resource.spec.deleting || earlierVersion === undefined) return 'take';
  const { version } = event;
  if (version === 0n || version > earlierVersion) return 'take';
  const deletedAt = wholeSecond(event.deletedAt);
  const began = wholeSecond(resource.lifeBegan);
  // Above what is known of this life: of the earlier one, or of an update whose publish failed. In one second only the version tells.
  if (resource.newestVersion !== 0n && version > resource.newestVersion)
    return resource.lifeBegan !== 0 && deletedAt > began ? 'take' : 'stale';
  return resource.lifeBegan !== 0 && deletedAt < began ? 'stale' : 'take';
}

/** Kubernetes writes deletion times in whole seconds. */
function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000);
}

/** A status goes by its `sequenceid` where both have one, else by arrival; the same again is taken: somebody asked for it. */
export function isStaleStatus(lastSequenceId: string | undefined, event: Envelope): boolean {
  if (lastSequenceId === undefined || event.sequenceId === undefined) return false;
  const last = sequence(lastSequenceId);
  const current = sequence(event.sequenceId);
  if (last === undefined || current === undefined) return false;
  return current < last;
}

/** Snowflake ids order as numbers: time, then node, then step. */
function sequence(text: string): bigint | undefined {
  return /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}

/** The version that an agent holds once it has seen what the broker holds. */
export function versionAfterAnswer(
  spec: CellView,
  earlierVersion: bigint | undefined,
  listed: bigint | undefined,
): bigint {
  if (listed === undefined || listed <= spec.version) return spec.version;
  const ofEarlierLife = earlierVersion !== undefined && listed <= earlierVersion;
  return ofEarlierLife ? spec.version : listed;
}

function later(one: bigint, other: bigint): bigint {
  if (one > other) return one;
  return other;
}
