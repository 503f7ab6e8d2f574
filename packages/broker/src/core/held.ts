import { CeBrokerError } from 'ce-broker-proto';
import type { Session, SessionRole } from '../delivery/session.js';
import type { Core, Job } from './core.js';

/**
 * A resync whose asker has no subscription yet waits for it, some seconds: v0.15 sends both side by side, and answers that are
 * sent before there is a stream are lost.
 */
export function holdOrRun(
  core: Core,
  asker: {
    readonly role: SessionRole;
    readonly name: string;
    readonly dataType: string;
    readonly bytes: number;
  },
  job: Job,
  now: number,
): void {
  const { role, name, dataType, bytes } = asker;
  const isHere =
    role === 'agent' ? core.sessions.hasAgent(name, dataType) : core.sessions.hasSource(name, dataType);
  if (isHere) {
    enqueue(core, job);
    return;
  }
  const { held } = core.agenda;
  const same = held.findIndex((other) => other.job.key === job.key);
  if (same >= 0) core.heldBudget.release(held.splice(same, 1)[0]?.bytes ?? 0);
  if (!core.heldBudget.reserve(bytes)) {
    throw new CeBrokerError(
      'resource_exhausted',
      'too many resyncs wait for the subscription of their asker: subscribe first, then resync',
    );
  }
  held.push({ role, name, dataType, bytes, expires: now + core.options.resyncHoldMs, job });
}

/** The session that some resyncs waited for is here. */
export function releaseHeld(core: Core, session: Session): void {
  const { role, name } = session.about;
  takeHeld(
    core,
    (held) => held.role === role && held.name === name && session.takes(held.dataType),
    (job) => {
      enqueue(core, job);
    },
  );
}

/** Nobody came for these. */
export function dropExpired(core: Core, now: number): void {
  takeHeld(
    core,
    (held) => held.expires <= now,
    () => {
      core.counters.count(core.counters.dropped, 'resync-without-subscription');
    },
  );
}

/** A job runs in a later turn; of two with one key only the later runs. */
export function enqueue(core: Core, job: Job): void {
  core.jobs.delete(job.key);
  core.jobs.set(job.key, job);
  core.port.wake();
}

function takeHeld(
  core: Core,
  matches: (held: Core['agenda']['held'][number]) => boolean,
  use: (job: Job) => void,
): void {
  const { held } = core.agenda;
  if (held.length === 0) return;
  const taken = held.filter(matches);
  if (taken.length === 0) return;
  const left = held.filter((entry) => !taken.includes(entry));
  held.splice(0, held.length, ...left);
  for (const entry of taken) {
    core.heldBudget.release(entry.bytes);
    use(entry.job);
  }
}
