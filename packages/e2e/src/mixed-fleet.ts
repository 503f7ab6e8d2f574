import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cable } from './cable.js';
import { LinePeer, type PeerEvent } from './line-peer.js';
import { buildGoPrograms, genericCommand, genericFlags, isOwn, type PeerVersion } from './programs.js';
import type { Run } from './run.js';
import { until } from './until.js';

/** Our own client, and the oldest and the newest SDK: nine pairings. */
const VERSIONS: readonly PeerVersion[] = ['ts', 'v0.15.0', 'v1.3.0'];
/** A publish of ours gives up after so long; Go's fail at once while there is no connection. */
const PUBLISH_TIMEOUT_MS = 250;
/** Nobody listens here. */
const NOWHERE = '127.0.0.1:1';

export interface FleetOptions {
  /** Resources of each pairing. */
  readonly resources: number;
  /** What our own clients wait before the next attempt, in milliseconds. Default: what they do unasked. */
  readonly reconnectMs?: readonly [number, number];
}

/** One program, and the cable that it hangs on. */
export class MixedPeer {
  readonly name: string;
  readonly version: PeerVersion;
  readonly peer: LinePeer;
  readonly cable: Cable;
  readonly #plug: { in: boolean };

  constructor(name: string, version: PeerVersion, peer: LinePeer, cable: Cable, plug: { in: boolean }) {
    this.name = name;
    this.version = version;
    this.peer = peer;
    this.cable = cable;
    this.#plug = plug;
  }

  get isOwn(): boolean {
    return isOwn(this.version);
  }

  unplug(): void {
    this.#plug.in = false;
    this.cable.cut();
  }

  plugIn(): void {
    this.#plug.in = true;
  }
}

interface Wanted {
  readonly source: MixedPeer;
  readonly agent: MixedPeer;
  version: number;
  /** Number of its newest status. */
  sequence: number;
}

interface HeldFields {
  readonly id: string;
  readonly cluster: string;
  readonly source: string;
  readonly version: number;
  readonly status?: { readonly sequence?: number };
}

/** A source and an agent of each version, each with resources for each other; what fails is never repeated. */
export class MixedFleet {
  readonly sources: MixedPeer[] = [];
  readonly agents: MixedPeer[] = [];
  readonly #run: Run;
  readonly #wanted = new Map<string, Wanted>();

  private constructor(run: Run) {
    this.#run = run;
  }

  /** `target`: HOST:PORT of the broker, asked for each connection. */
  static async start(run: Run, target: () => string, options: FleetOptions): Promise<MixedFleet> {
    await buildGoPrograms();
    const fleet = new MixedFleet(run);
    for (const version of VERSIONS) {
      fleet.sources.push(await fleet.#start('source', version, target, options));
      fleet.agents.push(await fleet.#start('agent', version, target, options));
    }
    await Promise.all(
      fleet.sources.map(async (source) => {
        for (const agent of fleet.agents) {
          for (let n = 0; n < options.resources; n += 1) {
            const id = `${source.name}.${agent.name}.${n}`;
            fleet.#wanted.set(id, { source, agent, version: 1, sequence: 0 });
            await source.peer.run('publish', { id, cluster: agent.name, version: 1, spec: { version: 1 } });
          }
        }
      }),
    );
    return fleet;
  }

  get peers(): MixedPeer[] {
    return [...this.sources, ...this.agents];
  }

  /** A new version of everything, and how many of their publishes were acknowledged. */
  changeSpecs(): Promise<number> {
    return this.#change(
      this.sources,
      ({ source }) => source,
      (id, wanted) => this.changeSpec(id, wanted),
    );
  }

  /** A new status of everything, likewise. */
  changeStatuses(): Promise<number> {
    return this.#change(
      this.agents,
      ({ agent }) => agent,
      (id, wanted) => this.changeStatus(id, wanted),
    );
  }

  /** What a peer has to do with, in turns that never end. */
  *turns(peer: MixedPeer): Generator<() => Promise<boolean>> {
    const ids = [...this.#wanted].filter(([, { source, agent }]) => source === peer || agent === peer);
    for (;;) {
      for (const [id, wanted] of ids)
        yield () => (wanted.source === peer ? this.changeSpec(id, wanted) : this.changeStatus(id, wanted));
    }
  }

  private async changeSpec(id: string, wanted: Wanted): Promise<boolean> {
    wanted.version += 1;
    const { source, agent, version } = wanted;
    const spec = { id, version, spec: { version }, timeoutMs: PUBLISH_TIMEOUT_MS };
    return await this.#attempt(source, 'update', spec, { cluster: agent.name, id, version });
  }

  private async changeStatus(id: string, wanted: Wanted): Promise<boolean> {
    const { agent, sequence } = wanted;
    const status = { id, status: { sequence: sequence + 1 }, timeoutMs: PUBLISH_TIMEOUT_MS };
    wanted.sequence += 1;
    return await this.#attempt(agent, 'status', status, { cluster: agent.name, id, sequence: sequence + 1 });
  }

  /**
   * Waits until every agent holds what is wanted and every source knows the newest status, and gives the milliseconds that it took;
   * rejects with what is missing.
   */
  async settled(what: string, timeoutMs: number): Promise<number> {
    let missing: readonly string[] = [];
    try {
      return await until(what, timeoutMs, async () => {
        missing = await this.#missing();
        return missing.length === 0;
      });
    } catch (cause) {
      const some = missing.slice(0, 10).join('; ');
      throw new Error(`${String(cause)}: ${missing.length} differ: ${some}`, { cause });
    }
  }

  async #missing(): Promise<string[]> {
    const faults: string[] = [];
    for (const { peer, name } of this.peers) {
      const held = new Map((await heldBy(peer)).map((one) => [one.id, one]));
      for (const [id, { source, agent, version, sequence }] of this.#wanted) {
        if (source.name !== name && agent.name !== name) continue;
        const has = held.get(id);
        held.delete(id);
        if (has?.version !== version) faults.push(`${name} has ${id} at ${has?.version}, not ${version}`);
        else if ((has.status?.sequence ?? 0) !== sequence)
          faults.push(`${name} has status ${has.status?.sequence} of ${id}, not ${sequence}`);
      }
      for (const id of held.keys()) faults.push(`${name} still has ${id}`);
    }
    return faults;
  }

  /** Writes what everybody wants, holds and knows into the history. */
  async recordState(): Promise<void> {
    const { history } = this.#run;
    for (const [id, { source, agent, version }] of this.#wanted)
      history.add('wants', source.name, { cluster: agent.name, id, version, life: 0 });
    for (const { peer, name } of this.agents) {
      for (const { id, cluster, source, version, status } of await heldBy(peer))
        history.add('holds', name, {
          cluster,
          id,
          source,
          version,
          life: 0,
          sequence: status?.sequence ?? 0,
        });
    }
    for (const { peer, name } of this.sources) {
      for (const { id, cluster, status } of await heldBy(peer))
        history.add('knows', name, { cluster, id, sequence: status?.sequence ?? 0 });
    }
  }

  async #start(
    role: 'source' | 'agent',
    version: PeerVersion,
    target: () => string,
    { reconnectMs }: FleetOptions,
  ): Promise<MixedPeer> {
    const run = this.#run;
    const name = `${role}-${version.replaceAll('.', '-')}`;
    const plug = { in: true };
    const cable = await Cable.lay(() => (plug.in ? target() : NOWHERE));
    run.after(() => cable.close());
    const config = join(run.history.folder, `${name}.yaml`);
    writeFileSync(config, `url: ${cable.address}\n`);
    const own = isOwn(version) && reconnectMs !== undefined ? { 'reconnect-ms': reconnectMs.join('-') } : {};
    const who = role === 'source' ? { source: name } : { cluster: name };
    const flags = { ...who, config, ...genericFlags(version), ...own };
    const peer = await LinePeer.start(name, genericCommand(version), role, flags);
    run.after(() => peer.quit());
    peer.onEvent = (event) => this.#note(name, event);
    return new MixedPeer(name, version, peer, cable, plug);
  }

  /** What a handler was given, and what a connection went through, for the checkers and for whoever reads the history. */
  #note(who: string, event: PeerEvent): void {
    const { event: kind, id, cluster, version, action, source } = event;
    const { history } = this.#run;
    if (kind === 'spec') {
      const deleted = action === 'DELETED' || action === 'GONE';
      history.add('got', who, {
        cluster: String(cluster),
        id: String(id),
        version: Number(version),
        source: String(source),
        deleted,
        note: String(action),
      });
    } else if (kind === 'status') {
      history.add('got', who, {
        cluster: String(cluster),
        id: String(id),
        note: JSON.stringify(event['status']),
      });
    } else if (kind !== 'done') history.add('open', who, { note: JSON.stringify(event) });
  }

  async #attempt(
    { name, peer }: MixedPeer,
    op: string,
    command: Readonly<Record<string, unknown>>,
    said: { readonly cluster: string; readonly id: string; version?: number; sequence?: number },
  ): Promise<boolean> {
    const { history } = this.#run;
    history.add('sent', name, said);
    const { error } = await peer.attempt(op, command);
    if (error === undefined) history.add('acked', name, said);
    else history.add('refused', name, { ...said, note: String(error) });
    return error === undefined;
  }

  /** Each peer changes what is its own, one after the other; all peers at once. */
  async #change(
    peers: readonly MixedPeer[],
    whose: (wanted: Wanted) => MixedPeer,
    change: (id: string, wanted: Wanted) => Promise<boolean>,
  ): Promise<number> {
    let acked = 0;
    await Promise.all(
      peers.map(async (peer) => {
        for (const [id, wanted] of this.#wanted) {
          if (whose(wanted) === peer && (await change(id, wanted))) acked += 1;
        }
      }),
    );
    return acked;
  }
}

async function heldBy(peer: LinePeer): Promise<HeldFields[]> {
  const { resources } = await peer.run('state');
  return Array.isArray(resources) ? resources : [];
}
