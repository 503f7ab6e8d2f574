import type { Report } from '../file-resource.js';

const MOST_CLUSTERS = 10_000;
const MOST_INSTANCES = 4;

interface Span {
  first: bigint;
  last: bigint;
}

interface Cluster {
  readonly spans: Map<string, Span>;
  told: boolean;
}

/**
 * Finds out that two agents work for one cluster: their statuses, in the order of their making, come from one, the other, and the first
 * again. An agent that took the place of another one, or lost its state file, has a new instance id and never goes back to the old one.
 */
export class TwoAgents {
  readonly #clusters = new Map<string, Cluster>();

  /** Takes a status. Gives whether it shows, for the first time, that there are two. */
  add(clusterName: string, { status: { instance }, sequenceId }: Report): boolean {
    if (instance === undefined || !/^\d{1,19}$/.test(sequenceId)) return false;
    const at = BigInt(sequenceId);
    const cluster = this.#cluster(clusterName);
    if (cluster.told) return false;
    const span = cluster.spans.get(instance);
    cluster.spans.delete(instance);
    const first = span === undefined || at < span.first ? at : span.first;
    const last = span === undefined || at > span.last ? at : span.last;
    cluster.told = [...cluster.spans.values()].some((other) => isBetween(other, first, last));
    cluster.spans.set(instance, { first, last });
    const [oldest] = cluster.spans.keys();
    if (cluster.spans.size > MOST_INSTANCES && oldest !== undefined) cluster.spans.delete(oldest);
    return cluster.told;
  }

  #cluster(name: string): Cluster {
    const known = this.#clusters.get(name);
    if (known !== undefined) return known;
    const fresh = { spans: new Map<string, Span>(), told: false };
    this.#clusters.set(name, fresh);
    const [oldest] = this.#clusters.keys();
    if (this.#clusters.size > MOST_CLUSTERS && oldest !== undefined) this.#clusters.delete(oldest);
    return fresh;
  }
}

/** One of them has reported before and after the other. */
function isBetween(other: Span, first: bigint, last: bigint): boolean {
  return first < other.last && other.first < last;
}
