import { genericCommand, genericFlags, LinePeer, PEER_VERSIONS, type PeerVersion } from '../../src/index.js';
import type { Workspace } from './workspace.js';

const DATA_TYPE = 'io.ce-broker.test.v1.widgets';

/** Go waits 5-10 s before its first retry; a busy machine takes longer over the rest. */
export const RETURN_MS = 60_000;

/** `v0.15.0` -> `v0-15-0`: a part of a name. */
const slug = (version: PeerVersion): string => version.replaceAll('.', '-');
export const sourceOf = (version: PeerVersion): string => `source-${slug(version)}`;
export const clusterOf = (version: PeerVersion): string => `cluster-${slug(version)}`;

/** The id of the one resource that a source keeps on a cluster; `kind` tells several apart. */
export const idOf = (source: PeerVersion, agent: PeerVersion, kind = 'kept'): string =>
  `${sourceOf(source)}.${clusterOf(agent)}.${kind}`;

export interface Pairing {
  readonly source: PeerVersion;
  readonly agent: PeerVersion;
}

/** Every one of these versions as a source and as an agent; of all of them: 64 pairings over 16 processes. */
export function pairingsOf(versions: readonly PeerVersion[]): Pairing[] {
  return versions.flatMap((source) => versions.map((agent) => ({ source, agent })));
}

export const PAIRINGS: readonly Pairing[] = pairingsOf(PEER_VERSIONS);

export interface Stored {
  readonly id: string;
  readonly cluster: string;
  readonly source: string;
  readonly version: number;
  readonly spec: unknown;
}

/** One source and one agent of every version, Go and TypeScript, all on one data type. */
export class Fleet {
  private readonly sources = new Map<PeerVersion, LinePeer>();
  private readonly agents = new Map<PeerVersion, LinePeer>();
  private readonly workspace: Workspace;
  private readonly configOf: (version: PeerVersion) => Readonly<Record<string, string>>;
  private readonly versions: readonly PeerVersion[];

  constructor(
    workspace: Workspace,
    configOf: (version: PeerVersion) => Readonly<Record<string, string>>,
    versions: readonly PeerVersion[] = PEER_VERSIONS,
  ) {
    this.workspace = workspace;
    this.configOf = configOf;
    this.versions = versions;
  }

  source(version: PeerVersion): LinePeer {
    return known(this.sources, version);
  }

  agent(version: PeerVersion): LinePeer {
    return known(this.agents, version);
  }

  peers(): LinePeer[] {
    return [...this.sources.values(), ...this.agents.values()];
  }

  async start(): Promise<void> {
    await Promise.all(this.versions.flatMap((v) => [this.startSource(v, []), this.startAgent(v)]));
  }

  /** A source that holds these resources before it connects, as one with a database does. */
  async startSource(version: PeerVersion, held: readonly Stored[]): Promise<void> {
    const name = sourceOf(version);
    const state = this.workspace.file(`${name}.json`, JSON.stringify(held));
    const flags = { source: name, ...this.flags(name, version, state) };
    this.sources.set(version, await LinePeer.start(name, genericCommand(version), 'source', flags));
  }

  /** An agent that holds these resources before it connects; without them, one that has lost everything. */
  async startAgent(version: PeerVersion, held: readonly Stored[] = []): Promise<void> {
    const name = clusterOf(version);
    const state = this.workspace.file(`${name}.json`, JSON.stringify(held));
    const flags = { cluster: name, ...this.flags(name, version, state) };
    this.agents.set(version, await LinePeer.start(name, genericCommand(version), 'agent', flags));
  }

  async quit(): Promise<void> {
    await Promise.all(this.peers().map((peer) => peer.quit()));
  }

  private flags(name: string, version: PeerVersion, state: string): Record<string, string> {
    const config = this.workspace.grpcConfig(name, this.configOf(version));
    return { state, config, 'data-type': DATA_TYPE, ...genericFlags(version) };
  }
}

function known(peers: ReadonlyMap<PeerVersion, LinePeer>, version: PeerVersion): LinePeer {
  const peer = peers.get(version);
  if (peer === undefined) throw new Error(`${version} has not been started`);
  return peer;
}

export async function inAllPairings(step: (pairing: Pairing) => Promise<void>): Promise<void> {
  await Promise.all(PAIRINGS.map(step));
}

export async function resourcesOf(peer: LinePeer): Promise<Stored[]> {
  const { resources } = await peer.run('state');
  return Array.isArray(resources) ? resources : [];
}

/** The ids that a program holds, sorted. */
export async function idsOf(peer: LinePeer): Promise<string[]> {
  return (await resourcesOf(peer)).map(({ id }) => id).sort();
}

/** What is left of a source's resources, and on a cluster, once the tests have deleted theirs. */
export const keptBy = (source: PeerVersion): string[] =>
  PEER_VERSIONS.map((agent) => idOf(source, agent)).sort();
export const keptOn = (agent: PeerVersion): string[] =>
  PEER_VERSIONS.map((source) => idOf(source, agent)).sort();

/** What a source keeps in its database. */
export function stored(source: PeerVersion, version: number): Stored[] {
  return PEER_VERSIONS.map((agent) => {
    return {
      id: idOf(source, agent),
      cluster: clusterOf(agent),
      source: sourceOf(source),
      version,
      spec: { size: version },
    };
  });
}
