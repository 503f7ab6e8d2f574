import { CeBrokerError } from 'ce-broker-proto';
import type { ByteBudget } from '../delivery/byte-budget.js';
import type { Session } from '../delivery/session.js';
import type { SessionRole } from '../delivery/session-description.js';
import type { Core, HeldResync, Job } from './core.js';

/** What an entry costs beside the bytes of its request. */
const ENTRY_BYTES = 1024;
/** The lists of one asker, however many it sends, take no more than such a part of what there is for all; one list may. A source may have a fleet to ask about. */
const MOST_SHARE = Object.freeze({ agent: 8, source: 2 });
/** Resync and Subscribe of one client are no further apart than this. */
const SIDE_BY_SIDE_MS = 3_000;

export interface Asker {
  readonly role: SessionRole;
  readonly name: string;
  readonly dataType: string;
  /** Size of the request. */
  readonly bytes: number;
}

/**
 * A resync is answered as soon as a session of its asker is here, and again for one that comes right after: v0.15 sends resync
 * and Subscribe side by side, what is sent before there is a stream is lost, and another session of that name may be a dead one.
 */
export function holdAndRun(core: Core, asker: Asker, job: Job, now: number): void {
  const { role, name, dataType } = asker;
  const bytes = asker.bytes + ENTRY_BYTES;
  drop(core, job.key);
  const isHere =
    role === 'agent' ? core.sessions.hasAgent(name, dataType) : core.sessions.hasSource(name, dataType);
  const budget = isHere ? core.answerBudget : core.heldBudget;
  const own = underWayOf(core, role, name);
  if (own > 0 && own + bytes > budget.limit / MOST_SHARE[role]) {
    throw new CeBrokerError(
      'resource_exhausted',
      `the broker has too many resyncs of ${role} ${name} in hand: resync again once they are answered`,
    );
  }
  if (!budget.reserve(bytes) && !(makeRoom(core, budget, bytes) && budget.reserve(bytes))) {
    throw new CeBrokerError(
      'resource_exhausted',
      'the broker has too many resyncs in hand: resync again in some seconds',
    );
  }
  const expires = now + core.options.resyncHoldMs;
  const held: HeldResync = { role, name, dataType, bytes, budget, at: now, expires, job, runs: 0 };
  core.agenda.held.set(job.key, held);
  const key = askerKey(role, name);
  const keys = core.agenda.heldBy.get(key);
  if (keys === undefined) core.agenda.heldBy.set(key, new Set([job.key]));
  else keys.add(job.key);
  if (isHere) run(core, held);
}

/** What resyncs of one asker hold that are not answered yet. */
function underWayOf(core: Core, role: SessionRole, name: string): number {
  let bytes = 0;
  for (const key of core.agenda.heldBy.get(askerKey(role, name)) ?? []) {
    const held = core.agenda.held.get(key);
    if (held !== undefined && (held.runs === 0 || isUnderWay(core, key))) bytes += held.bytes;
  }
  return bytes;
}

/** Those that were answered are kept only for a session that may come right after: they go first, the oldest before the others. */
function makeRoom(core: Core, budget: ByteBudget, bytes: number): boolean {
  let freed = 0;
  for (const [key, held] of core.agenda.held) {
    if (freed >= bytes) break;
    if (held.budget !== budget) continue;
    if (held.runs === 0 || isUnderWay(core, key)) continue;
    freed += held.bytes;
    drop(core, key);
  }
  return freed > 0;
}

/** The key of the work that answers a resync. The first answer and the one for a later session go on beside each other. */
export function answerKey(key: string, again: boolean): string {
  return `${again ? 'answer again' : 'answer'} ${key}`;
}

/** It is about to be answered, or being answered: its list is in memory all the same. */
function isUnderWay(core: Core, key: string): boolean {
  if (core.jobs.has(key)) return true;
  return core.walks.has(answerKey(key, false)) || core.walks.has(answerKey(key, true));
}

/** The session that some resyncs waited for is here, or one beside it. */
export function releaseHeld(core: Core, session: Session, now: number): void {
  for (const key of core.agenda.heldBy.get(askerKey(session.about.role, session.about.name)) ?? []) {
    const held = core.agenda.held.get(key);
    if (held === undefined || !session.takes(held.dataType)) continue;
    if (held.runs === 0 || now - held.at <= SIDE_BY_SIDE_MS) run(core, held);
  }
}

/** Their time is over. They are kept in the order in which they came, so the oldest is the first. */
export function dropExpired(core: Core, now: number): void {
  for (const [key, held] of core.agenda.held) {
    if (held.expires > now) return;
    if (isUnderWay(core, key)) continue;
    if (held.runs === 0) core.counters.count(core.counters.dropped, 'resync-without-subscription');
    drop(core, key);
  }
}

/** A job runs in a later turn; of two with one key only the later runs. */
export function enqueue(core: Core, key: string, run: (now: number) => void): void {
  core.jobs.delete(key);
  core.jobs.set(key, { key, run });
  core.port.wake();
}

/** The answer to what its asker asked before comes first: it may be the one that tells which lives the agent knows. */
function run(core: Core, held: HeldResync): void {
  const { job } = held;
  enqueue(core, job.key, (now) => {
    if (held.runs === 0 && core.walks.has(answerKey(job.key, false))) {
      run(core, held);
      return;
    }
    held.runs += 1;
    job.run(now, held.runs > 1);
  });
}

function drop(core: Core, key: string): void {
  const held = core.agenda.held.get(key);
  if (held === undefined) return;
  core.agenda.held.delete(key);
  held.budget.release(held.bytes);
  const by = askerKey(held.role, held.name);
  const keys = core.agenda.heldBy.get(by);
  keys?.delete(key);
  if (keys?.size === 0) core.agenda.heldBy.delete(by);
}

function askerKey(role: SessionRole, name: string): string {
  return `${role} ${name}`;
}
