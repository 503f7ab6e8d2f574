import { GoPeer } from './go-peer.js';
import { goProgram, SDK_VERSIONS, type SdkVersion } from './tools.js';
import type { Workspace } from './workspace.js';

const DATA_TYPE = 'io.ce-broker.test.v1.widgets';

/** Go waits 5-10 s before its first retry; a busy machine takes longer over the rest. */
export const RETURN_MS = 60_000;

/** `v0.15.0` -> `v0-15-0`: a part of a name. */
const slug = (version: SdkVersion): string => version.replaceAll('.', '-');
export const sourceOf = (version: SdkVersion): string => `source-${slug(version)}`;
export const clusterOf = (version: SdkVersion): string => `cluster-${slug(version)}`;

/** The id of the one resource that a source keeps on a cluster; `kind` tells several apart. */
export const idOf = (source: SdkVersion, agent: SdkVersion, kind = 'kept'): string =>
  `${sourceOf(source)}.${clusterOf(agent)}.${kind}`;

/** Every version as a source and as an agent: 36 pairings over 12 processes. */
export const PAIRINGS = SDK_VERSIONS.flatMap((source) => SDK_VERSIONS.map((agent) => ({ source, agent })));

export interface Stored {
  readonly id: string;
  readonly cluster: string;
  readonly source: string;
  readonly version: number;
  readonly spec: unknown;
}

/** One source and one agent of every SDK version, all on one data type. */
export class Fleet {
  private readonly sources = new Map<SdkVersion, GoPeer>();
  private readonly agents = new Map<SdkVersion, GoPeer>();
  private readonly workspace: Workspace;
  private readonly configOf: (version: SdkVersion) => Readonly<Record<string, string>>;

  constructor(workspace: Workspace, configOf: (version: SdkVersion) => Readonly<Record<string, string>>) {
    this.workspace = workspace;
    this.configOf = configOf;
  }

  source(version: SdkVersion): GoPeer {
    return known(this.sources, version);
  }

  agent(version: SdkVersion): GoPeer {
    return known(this.agents, version);
  }

  peers(): GoPeer[] {
    return [...this.sources.values(), ...this.agents.values()];
  }

  async start(): Promise<void> {
    await Promise.all(SDK_VERSIONS.flatMap((v) => [this.startSource(v, []), this.startAgent(v)]));
  }

  /** A source that holds these resources before it connects, as one with a database does. */
  async startSource(version: SdkVersion, held: readonly Stored[]): Promise<void> {
    const name = sourceOf(version);
    const state = this.workspace.file(`${name}.json`, JSON.stringify(held));
    const flags = { source: name, state, config: this.config(name, version), 'data-type': DATA_TYPE };
    this.sources.set(version, await GoPeer.start(name, goProgram(version, 'generic'), 'source', flags));
  }

  /** An agent that holds these resources before it connects; without them, one that has lost everything. */
  async startAgent(version: SdkVersion, held: readonly Stored[] = []): Promise<void> {
    const name = clusterOf(version);
    const state = this.workspace.file(`${name}.json`, JSON.stringify(held));
    const flags = { cluster: name, state, config: this.config(name, version), 'data-type': DATA_TYPE };
    this.agents.set(version, await GoPeer.start(name, goProgram(version, 'generic'), 'agent', flags));
  }

  async quit(): Promise<void> {
    await Promise.all(this.peers().map((peer) => peer.quit()));
  }

  private config(name: string, version: SdkVersion): string {
    return this.workspace.grpcConfig(name, this.configOf(version));
  }
}

function known(peers: ReadonlyMap<SdkVersion, GoPeer>, version: SdkVersion): GoPeer {
  const peer = peers.get(version);
  if (peer === undefined) throw new Error(`${version} has not been started`);
  return peer;
}

export async function inAllPairings(
  step: (pairing: (typeof PAIRINGS)[number]) => Promise<void>,
): Promise<void> {
  await Promise.all(PAIRINGS.map(step));
}

export async function resourcesOf(peer: GoPeer): Promise<Stored[]> {
  const { resources } = await peer.run('state');
  return Array.isArray(resources) ? resources : [];
}

/** The ids that a program holds, sorted. */
export async function idsOf(peer: GoPeer): Promise<string[]> {
  return (await resourcesOf(peer)).map(({ id }) => id).sort();
}

/** What is left of a source's resources, and on a cluster, once the tests have deleted theirs. */
export const keptBy = (source: SdkVersion): string[] =>
  SDK_VERSIONS.map((agent) => idOf(source, agent)).sort();
export const keptOn = (agent: SdkVersion): string[] =>
  SDK_VERSIONS.map((source) => idOf(source, agent)).sort();

/** What a source keeps in its database. */
export function stored(source: SdkVersion, version: number): Stored[] {
  return SDK_VERSIONS.map((agent) => {
    return {
      id: idOf(source, agent),
      cluster: clusterOf(agent),
      source: sourceOf(source),
      version,
      spec: { size: version },
    };
  });
}
