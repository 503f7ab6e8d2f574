import type { HistoryLine } from './history.js';

/** Checkers read a history and give what does not hold, a sentence each. */
export type Checker = (lines: readonly HistoryLine[]) => string[];

const keyOf = (line: HistoryLine): string => `${line.cluster}/${line.id}`;

/** In the handlers of one agent, versions of one life never go back, and neither do lives. A resource that was deleted begins anew. */
export const versionsNeverGoBack: Checker = (lines) => {
  const faults: string[] = [];
  const seen = new Map<string, { life: number; version: number }>();
  for (const line of lines) {
    if (line.k !== 'got' || line.version === undefined) continue;
    const key = `${line.who} ${keyOf(line)}`;
    const { life = 0, version } = line;
    if (line.deleted === true) continue;
    const before = seen.get(key);
    if (before !== undefined && (life < before.life || (life === before.life && version < before.version)))
      faults.push(
        `${key} went back from version ${before.version} of life ${before.life} to ${version} of ${life} at ${line.t}`,
      );
    else seen.set(key, { life, version });
  }
  return faults;
};

/** No agent was handed a deletion. */
export const nothingIsDeleted: Checker = (lines) =>
  lines
    .filter((line) => line.k === 'got' && line.deleted === true)
    .map((line) => `${line.who} was handed a deletion of ${keyOf(line)} at ${line.t}`);

/** What an agent was handed of a resource came from the source that owns it: ids end with their owner's name. */
export const ownersAreKept: Checker = (lines) =>
  lines
    .filter(
      (line) => line.k === 'got' && line.source !== undefined && line.id?.endsWith(line.source) === false,
    )
    .map((line) => `${line.who} was handed ${keyOf(line)} from ${line.source} at ${line.t}`);

/** At the end each agent holds what the sources want of its cluster, and nothing else. */
export const agentsHoldWhatIsWanted: Checker = (lines) => {
  const faults: string[] = [];
  const wanted = new Map<string, HistoryLine>();
  const clusters = new Map<string, Set<string>>();
  const held = new Map<string, HistoryLine>();
  for (const line of lines) {
    if (line.k === 'wants') wanted.set(keyOf(line), line);
    if (line.k === 'holds') {
      held.set(`${line.who} ${keyOf(line)}`, line);
      const agents = clusters.get(line.cluster ?? '') ?? new Set();
      clusters.set(line.cluster ?? '', agents.add(line.who));
      if (!wanted.has(keyOf(line))) faults.push(`${line.who} still holds ${keyOf(line)}`);
    }
  }
  for (const [key, want] of wanted) {
    if (want.deleted === true) {
      faults.push(`the deletion of ${key} was never acknowledged`);
      continue;
    }
    const agents = clusters.get(want.cluster ?? '') ?? new Set();
    if (agents.size === 0) faults.push(`nobody holds anything on ${want.cluster}, not ${key} either`);
    for (const agent of agents) {
      const has = held.get(`${agent} ${key}`);
      if (has?.version !== want.version || has?.life !== want.life)
        faults.push(
          `${agent} should hold ${key} at version ${want.version} of life ${want.life}, holds version ${has?.version} of ${has?.life}`,
        );
    }
  }
  return faults;
};

/** At the end each source knows the newest status of what its agents hold. */
export const sourcesKnowTheNewestStatus: Checker = (lines) => {
  const known = new Map<string, number>();
  for (const line of lines) {
    if (line.k === 'knows') known.set(`${line.who} ${keyOf(line)}`, line.sequence ?? 0);
  }
  return lines
    .filter((line) => line.k === 'holds' && (line.sequence ?? 0) > 0)
    .filter((line) => known.get(`${line.source} ${keyOf(line)}`) !== line.sequence)
    .map(
      (line) =>
        `${line.source} should know status ${line.sequence} of ${keyOf(line)}, knows ${known.get(`${line.source} ${keyOf(line)}`)}`,
    );
};

/** Of each resource, the newest spec that was acknowledged, or a newer one, reached every agent of its cluster that was there. */
export const nothingAcknowledgedIsLost: Checker = (lines) => {
  const acked = new Map<string, number>();
  const got = new Map<string, number>();
  for (const { k, cluster, id, version = 0 } of lines) {
    const newest = k === 'acked' ? acked : k === 'got' ? got : undefined;
    const key = `${cluster}/${id}`;
    if (newest !== undefined && version > (newest.get(key) ?? 0)) newest.set(key, version);
  }
  return [...acked]
    .filter(([key, version]) => (got.get(key) ?? 0) < version)
    .map(([key, version]) => `version ${version} of ${key} was acknowledged; the agent got ${got.get(key)}`);
};
