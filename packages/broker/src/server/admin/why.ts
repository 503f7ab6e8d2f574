import type { Core } from '../../core/index.js';
import { isDurable } from '../../core/keep.js';
import type { Session } from '../../delivery/session.js';
import { waitsForEnd } from '../../delivery/waits-for-end.js';
import { WatchSession } from '../../delivery/watch-session.js';
import type { Cell, CellView, Resource, ResourceView } from '../../state/resource.js';
import { syncOf } from './sync.js';

/** Why something is not where it should be: a word for programs, a sentence for people. */
export interface Reason {
  readonly code: ReasonCode;
  readonly text: string;
  /** Since when, in milliseconds since 1970; undefined: that is not known. */
  readonly since?: number | undefined;
}

export type ReasonCode =
  | 'deletion-gap'
  | 'earlier-life'
  | 'flow-control'
  | 'held'
  | 'mass-deletion'
  | 'no-report'
  | 'no-resync'
  | 'no-subscriber'
  | 'not-durable'
  | 'old-report'
  | 'orphan'
  | 'queued'
  | 'reconciling'
  | 'refused'
  | 'store-refuses'
  | 'too-large'
  | 'unconfirmed';

/** A receiver that went away so often right after it was handed an event is not handed it again. */
const REFUSALS = 2;

/** Why the newest event of the cell has not reached everybody whom it is for; empty: it has. */
export function whyUndelivered(core: Readonly<Core>, resource: ResourceView, cell: CellView): Reason[] {
  const general = whyForAll(core, resource, cell);
  if (general !== undefined) return [general];
  const receivers = receiversOf(core, resource, cell);
  if (receivers.length === 0) return [{ code: 'no-subscriber', text: nobody(core, resource, cell) }];
  return receivers.flatMap((session) => {
    const reason = whyNotYet(core, session, resource, cell);
    return reason === undefined ? [] : [reason];
  });
}

/** Why what was handed to the agent is not answered; undefined: it is, or nobody expects an answer. */
export function whyUnanswered(resource: ResourceView): Reason | undefined {
  const { place, spec, status } = resource;
  const agent = `the agent of ${place.cluster}`;
  switch (syncOf(resource)) {
    case 'unconfirmed':
      return {
        code: 'unconfirmed',
        text: `${agent} was told to delete it and has not confirmed that it is gone`,
        since: resource.deletionSentAt ?? spec?.at,
      };
    case 'no-status':
      return {
        code: 'no-report',
        text: `${agent} has it and has reported nothing of it`,
        since: spec?.at,
      };
    case 'behind':
      return {
        code: 'old-report',
        text: `${agent} has it, and its newest report is of version ${status?.version}, not ${spec?.version}`,
        since: spec?.at,
      };
    default:
      return undefined;
  }
}

/** Sessions that the newest event of the cell is for. */
export function receiversOf(
  core: Readonly<Core>,
  { owner, place }: ResourceView,
  cell: CellView,
): readonly Session[] {
  if (cell.kind === 'spec')
    return core.sessions.agentsOf(place.cluster).filter((session) => session.takes(place.dataType, owner));
  const source = cell.kind === 'request' ? cell.to : (owner ?? '');
  return core.sessions.of('source', source).filter((session) => session.takes(place.dataType, place.cluster));
}

function whyForAll(core: Readonly<Core>, resource: ResourceView, cell: CellView): Reason | undefined {
  if (!isDurable(core, cell as Cell)) {
    const { refusal } = core.store;
    return refusal === undefined
      ? { code: 'not-durable', text: 'the store has not confirmed it yet', since: cell.at }
      : { code: 'store-refuses', text: `the store takes nothing: ${refusal.message}`, since: cell.at };
  }
  const hold = core.holds.of(resource, cell);
  if (hold !== undefined) {
    const what = hold.kind === 'resource' ? 'it' : `${hold.kind} ${hold.name}`;
    const text = `${what} is held by ${hold.by}: ${hold.reason}; ce-broker release lets it go`;
    return { code: 'held', text, since: hold.since };
  }
  if (!core.deletions.covers(resource, cell)) return whyHeldBack(core, cell);
  const text = `too many deletions at once on cluster ${resource.place.cluster}: this one waits for consent; ce-broker release lets it go, ce-broker discard makes it void`;
  return { code: 'mass-deletion', text, since: core.deletions.at(resource.place)?.since };
}

/** What is neither held nor waits for consent, and yet may not go out. */
function whyHeldBack({ holds }: Readonly<Core>, cell: CellView): Reason | undefined {
  if (!holds.any || !holds.covers(cell as Cell)) return undefined;
  const text = 'the store was restored from a backup: this waits until its source has said what it is now';
  return { code: 'reconciling', text };
}

function whyNotYet(
  core: Readonly<Core>,
  session: Session,
  resource: ResourceView,
  cell: CellView,
): Reason | undefined {
  const here = cell as Cell;
  const who = nameOf(session);
  const { blockedSince } = session;
  if ((here.refusedBy?.get(session.receiver) ?? 0) >= REFUSALS) {
    const text = `too large: ${who} went away each time right after it was handed these ${cell.stored.size} bytes`;
    return { code: 'too-large', text, since: cell.at };
  }
  if (session.dirty.has(here)) {
    if (blockedSince === undefined)
      return { code: 'queued', text: `it waits its turn for ${who}`, since: session.dirty.get(here) };
    return { code: 'flow-control', text: `the connection of ${who} takes nothing`, since: blockedSince };
  }
  if (session.later.has(here)) {
    return {
      code: 'deletion-gap',
      text: `it keeps a distance from the deletion before it, for ${who}`,
      since: resource.deletionSentAt,
    };
  }
  if (waitsForFarewell(core, session, resource, cell)) {
    const text = core.sessionSettings.confirmsDeletion(resource.place.dataType)
      ? `${who} has not confirmed the deletion of the life before: this one follows it`
      : `${who} has neither been handed the deletion of the life before nor listed what it holds: this one follows that`;
    return { code: 'earlier-life', text, since: resource.farewell?.since };
  }
  return whyNeverSent(core, session, resource, cell);
}

function waitsForFarewell(
  core: Readonly<Core>,
  session: Session,
  resource: ResourceView,
  cell: CellView,
): boolean {
  if (cell.kind !== 'spec' || cell.deleting) return false;
  if (session.owedFarewells.has(resource as Resource)) return true;
  return waitsForEnd(resource, core.sessionSettings);
}

/** Who subscribes later gets what it asks for by resync, or by its position; one that never asks never gets it. */
function whyNeverSent(
  core: Readonly<Core>,
  session: Session,
  { place }: ResourceView,
  cell: CellView,
): Reason | undefined {
  const { about } = session;
  if (cell.kind !== 'spec' || cell.at >= about.openedAt) return undefined;
  const handed = core.trace.of(cell.position)?.deliveries.some((one) => one.session === about) === true;
  if (!handed && session instanceof WatchSession) {
    const { missing } = session;
    if (missing === 0) return undefined;
    return {
      code: 'queued',
      text: `${nameOf(session)} is catching up: ${missing} to go`,
      since: about.openedAt,
    };
  }
  const hasAsked = core.table.find(place.dataType, place.cluster)?.agentAsked === true;
  if (handed || hasAsked) return undefined;
  const text = `${nameOf(session)} subscribed after it was published, and has not asked for it by resync`;
  return { code: 'no-resync', text, since: about.openedAt };
}

function nobody({ sessions }: Readonly<Core>, { owner, place }: ResourceView, cell: CellView): string {
  const { cluster, dataType } = place;
  if (cell.kind === 'spec') {
    return sessions.agentsOf(cluster).length === 0
      ? `no agent of cluster ${cluster} is connected`
      : `an agent of cluster ${cluster} is connected, but not subscribed to ${dataType}, or not to source ${owner}`;
  }
  const source = cell.kind === 'request' ? cell.to : (owner ?? '');
  if (source === '') return `no source is subscribed to ${dataType}`;
  return sessions.ofSource(source).length === 0
    ? `source ${source} is away`
    : `source ${source} is connected, but not subscribed to ${dataType}, or not to cluster ${cluster}`;
}

/** `agent c1 (session 12, user u)` */
export function nameOf({ about }: Session): string {
  return `${about.role} ${about.name} (session ${about.id}, user ${about.user})`;
}
