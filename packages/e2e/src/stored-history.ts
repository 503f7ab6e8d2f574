import type { HistoryLine } from './history.js';

/** Stands for a code where no answer came. */
export const NO_ANSWER = -1;

/** One Publish of a resource, in the order in which they were sent: the next one only when this one was answered. */
interface Step {
  readonly line: HistoryLine;
  /** `dead`: refused, or not there after the broker had gone: it must never be seen. */
  fate: 'sent' | 'acked' | 'dead';
}

interface Kept {
  readonly specs: Step[];
  readonly statuses: Step[];
  /** Index of the newest spec that must be there, or a newer one; -1: none. */
  floor: number;
  statusFloor: number;
}

/** Words in the notes of a history that {@link storedIsWhatWasAcknowledged} reads. */
export const PROBE_BEGINS = 'a look at everything begins';
export const PROBE_ENDS = 'a look at everything is over';

/**
 * What a broker with a store on disk shows after it has gone and come back, of each resource: the newest that was acknowledged or handed
 * out, or the one that was under way when it went; never one that was refused, and never one that was found missing before.
 * Specs have a life and a version, deletions a version, statuses a sequence.
 */
export function storedIsWhatWasAcknowledged(lines: readonly HistoryLine[]): string[] {
  const faults: string[] = [];
  const all = new Map<string, Kept>();
  const keptOf = (line: HistoryLine): Kept => {
    const key = `${line.cluster}/${line.id}`;
    let kept = all.get(key);
    if (kept === undefined) {
      kept = { specs: [], statuses: [], floor: -1, statusFloor: -1 };
      all.set(key, kept);
    }
    return kept;
  };
  let seen = new Map<Kept, HistoryLine>();
  let known = new Map<Kept, HistoryLine>();
  for (const line of lines) {
    if (line.k === 'fault' && line.note === PROBE_BEGINS) {
      seen = new Map();
      known = new Map();
    }
    if (line.k === 'fault' && line.note === PROBE_ENDS) {
      for (const [key, kept] of all)
        faults.push(...compare(key, kept, seen.get(kept), known.get(kept), line.t));
    }
    if (line.id === undefined) continue;
    const kept = keptOf(line);
    if (line.k === 'sent') (isStatus(line) ? kept.statuses : kept.specs).push({ line, fate: 'sent' });
    if (line.k === 'acked') answer(kept, line, 'acked');
    if (line.k === 'refused' && !UNKNOWN.has(line.code)) answer(kept, line, 'dead');
    if (line.k === 'holds') seen.set(kept, line);
    if (line.k === 'knows') known.set(kept, line);
    if (line.k === 'got') faults.push(...handedOut(kept, line));
  }
  return faults;
}

/** Answers that do not say whether the event is kept: none came, as the connection was gone; or the broker said that it took too long. */
const UNKNOWN: ReadonlySet<number | undefined> = new Set([NO_ANSWER, 4]);

function isStatus(line: HistoryLine): boolean {
  return line.sequence !== undefined;
}

function answer(kept: Kept, line: HistoryLine, fate: 'acked' | 'dead'): void {
  const steps = isStatus(line) ? kept.statuses : kept.specs;
  const step = steps.at(-1);
  if (step === undefined) return;
  step.fate = fate;
  if (fate !== 'acked') return;
  if (isStatus(line)) kept.statusFloor = steps.length - 1;
  else kept.floor = steps.length - 1;
}

function isSame(step: HistoryLine, line: HistoryLine): boolean {
  if (step.deleted === true || line.deleted === true)
    return step.deleted === line.deleted && step.version === line.version;
  return step.version === line.version && step.life === line.life;
}

/** What a subscriber was handed is on disk. */
function handedOut(kept: Kept, line: HistoryLine): string[] {
  const index = kept.specs.findLastIndex(({ line: step }) => isSame(step, line));
  const step = kept.specs[index];
  if (step === undefined) return [`${line.who} was handed ${told(line)} of ${line.id}, which nobody sent`];
  if (step.fate === 'dead')
    return [`${line.who} was handed ${told(line)} of ${line.id} at ${line.t}, which was refused or lost`];
  kept.floor = Math.max(kept.floor, index);
  return [];
}

function compare(
  key: string,
  kept: Kept,
  seen: HistoryLine | undefined,
  known: HistoryLine | undefined,
  at: number,
): string[] {
  const faults: string[] = [];
  const { specs, statuses } = kept;
  const must = specs[kept.floor]?.line;
  let index = seen === undefined ? -1 : specs.findLastIndex(({ line }) => isSame(line, seen));
  if (seen !== undefined && (index < kept.floor || specs[index]?.fate === 'dead'))
    faults.push(`${key} is ${told(seen)} at ${at}, and was ${told(must)}`);
  if (seen === undefined) {
    // What is deleted need not be shown, but for that which waits for its confirmation.
    const under = specs
      .slice(kept.floor + 1)
      .some(({ line, fate }) => line.deleted === true && fate !== 'dead');
    if (must !== undefined && must.deleted !== true && !under)
      faults.push(`${key} is missing at ${at}, and was ${told(must)}`);
    index = kept.floor;
  }
  const newest = Math.max(index, kept.floor);
  for (const step of specs.slice(newest + 1)) step.fate = 'dead';
  kept.floor = newest;
  const lives = specs[newest];
  const begun =
    lives === undefined || lives.line.deleted === true ? undefined : firstOf(specs, newest)?.line.t;
  const status = statuses[kept.statusFloor]?.line;
  if (begun !== undefined && status !== undefined && status.t > begun) {
    const sequence = known?.sequence ?? 0;
    const found = statuses.findLastIndex(({ line }) => line.sequence === sequence);
    if (found < kept.statusFloor || statuses[found]?.fate === 'dead')
      faults.push(`the status of ${key} is ${sequence} at ${at}, and was ${status.sequence}`);
    else kept.statusFloor = found;
  }
  for (const step of statuses.slice(kept.statusFloor + 1)) step.fate = 'dead';
  return faults;
}

/** The spec with which the life of that index began. */
function firstOf(specs: readonly Step[], index: number): Step | undefined {
  const life = specs[index]?.line.life;
  return specs.find(({ line }) => line.life === life && line.deleted !== true);
}

function told(line: HistoryLine | undefined): string {
  if (line === undefined) return 'nothing';
  return line.deleted === true
    ? `deleted at version ${line.version}`
    : `version ${line.version} of life ${line.life}`;
}
