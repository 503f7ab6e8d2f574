import type { Partition } from '../state/partition.js';
import type { Resource } from '../state/resource.js';
import type { Core } from './core.js';
import { askForSpecs, saysMore } from './spec-ask.js';
import type { Turn, Walk } from './walk.js';

/** What an agent listed when it asked. */
export interface Listing {
  /** The source that is asked; `""`: all. */
  readonly named: string;
  readonly agent: string;
  /** What the agent holds, by resource id. */
  readonly listed: ReadonlyMap<string, bigint>;
}

/**
 * Each source gets the listed ids that are its own; those of nobody go to a source only where the agent, or the configuration, says so. Those that
 * are somebody's, but nobody knows whose, go to none.
 */
export function* askSources(core: Core, partition: Partition, ask: Listing, turn: Turn): Walk {
  const owners = new Owners(partition, ask.listed);
  yield* owners.find();
  const { agent, named } = ask;
  if (named !== '') {
    const own = owners.of(named);
    const listed = new Map([...own.listed, ...owners.nobodys()]);
    const knowsMore = own.knowsMore || listed.size > own.listed.size;
    askForSpecs(core, named, partition, turn.now, { listed, knowsMore, agent });
    return;
  }
  noteOrphans(core, partition, owners.unowned, turn.now);
  const everybodys = core.options.orphans === 'forward' ? owners.nobodys() : new Map<string, bigint>();
  for (const source of new Set(core.sessions.sourcesOf(partition.dataType))) {
    const own = owners.of(source);
    const listed = everybodys.size === 0 ? own.listed : new Map([...own.listed, ...everybodys]);
    const knowsMore = own.knowsMore || everybodys.size > 0;
    askForSpecs(core, source, partition, turn.now, { listed, knowsMore, agent });
  }
}

interface OwnList {
  readonly listed: Map<string, bigint>;
  /** The agent has something of it that the broker does not know. */
  knowsMore: boolean;
}

/** Whose the listed ids are. One that changes hands while the others are looked up is looked up again. */
class Owners {
  readonly unowned = new Map<string, bigint>();
  readonly #partition: Partition;
  readonly #listed: ReadonlyMap<string, bigint>;
  readonly #bySource = new Map<string, OwnList>();

  constructor(partition: Partition, listed: ReadonlyMap<string, bigint>) {
    this.#partition = partition;
    this.#listed = listed;
  }

  of(source: string): OwnList {
    return this.#bySource.get(source) ?? { listed: new Map(), knowsMore: false };
  }

  /** Those of the unowned that never were anybody's, as far as is known. */
  nobodys(): ReadonlyMap<string, bigint> {
    const { damaged } = this.#partition;
    if (damaged.size === 0) return this.unowned;
    return new Map([...this.unowned].filter(([id]) => !damaged.has(id)));
  }

  *find(): Walk {
    const { afterChange } = this.#partition;
    const changed = new Set<string>();
    const onChange = ({ id }: Resource) => void (this.#listed.has(id) && changed.add(id));
    afterChange.add(onChange);
    try {
      for (const [id, version] of this.#listed) {
        this.#look(id, version);
        yield;
      }
    } finally {
      afterChange.delete(onChange);
    }
    for (const id of changed) {
      this.unowned.delete(id);
      for (const { listed } of this.#bySource.values()) listed.delete(id);
      this.#look(id, this.#listed.get(id) ?? 0n);
    }
  }

  #look(id: string, version: bigint): void {
    const view = this.#partition.peek(id);
    const owner = view?.owner;
    if (owner === undefined) {
      this.unowned.set(id, version);
      return;
    }
    let own = this.#bySource.get(owner);
    if (own === undefined) {
      own = { listed: new Map(), knowsMore: false };
      this.#bySource.set(owner, own);
    }
    own.listed.set(id, version);
    own.knowsMore ||= saysMore(view, owner, version);
  }
}

/** A list for all sources is complete: what is no longer in it is no orphan any more. */
function noteOrphans(
  core: Core,
  partition: Partition,
  unowned: ReadonlyMap<string, bigint>,
  now: number,
): void {
  const { orphans } = partition;
  for (const id of orphans.keys()) {
    if (!unowned.has(id)) orphans.delete(id);
  }
  let found = 0;
  for (const [id, version] of unowned) {
    const known = orphans.get(id);
    if (known === undefined) found += 1;
    orphans.set(id, { version, since: known?.since ?? now });
  }
  if (found === 0) return;
  core.port.note({ kind: 'orphans', cluster: partition.cluster, dataType: partition.dataType, count: found });
}
