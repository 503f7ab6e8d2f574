import type { Session } from './session.js';
import type { SessionRole } from './session-description.js';

const NONE: readonly Session[] = [];

/** Who is subscribed, by cluster and by source. A look-up costs the same with one session or with thousands. */
export class SessionRegistry {
  readonly #all = new Set<Session>();
  readonly #agents = new Map<string, Session[]>();
  readonly #sources = new Map<string, Session[]>();
  #everySource: readonly Session[] = NONE;

  get size(): number {
    return this.#all.size;
  }

  add(session: Session): void {
    this.#all.add(session);
    const index = this.#index(session);
    const sessions = index.get(session.about.name);
    if (sessions === undefined) index.set(session.about.name, [session]);
    else sessions.push(session);
    this.#refreshSources(session);
  }

  remove(session: Session): void {
    if (!this.#all.delete(session)) return;
    const index = this.#index(session);
    const left = (index.get(session.about.name) ?? []).filter((other) => other !== session);
    if (left.length > 0) index.set(session.about.name, left);
    else index.delete(session.about.name);
    this.#refreshSources(session);
  }

  /** Sessions of every data type: ask `takes`. */
  agentsOf(cluster: string): readonly Session[] {
    return this.#agents.get(cluster) ?? NONE;
  }

  /** Sessions of every data type: ask `takes`. */
  ofSource(source: string): readonly Session[] {
    return this.#sources.get(source) ?? NONE;
  }

  /** Who an event for a cluster, or for a source, goes to; the source `""` is all of them. Of every data type: ask `takes`. */
  of(role: SessionRole, name: string): readonly Session[] {
    if (role === 'agent') return this.agentsOf(name);
    return name === '' ? this.#everySource : this.ofSource(name);
  }

  hasAgent(cluster: string, dataType: string): boolean {
    return this.agentsOf(cluster).some((session) => session.takes(dataType));
  }

  hasSource(source: string, dataType: string): boolean {
    return this.ofSource(source).some((session) => session.takes(dataType));
  }

  clusters(): Iterable<string> {
    return this.#agents.keys();
  }

  /** Ids of the sources that have a session of this data type. */
  *sourcesOf(dataType: string): Iterable<string> {
    for (const [source, sessions] of this.#sources) {
      if (sessions.some((session) => session.takes(dataType))) yield source;
    }
  }

  all(): Iterable<Session> {
    return this.#all;
  }

  #refreshSources(changed: Session): void {
    if (changed.about.role === 'source') this.#everySource = [...this.#sources.values()].flat();
  }

  #index(session: Session): Map<string, Session[]> {
    return session.about.role === 'agent' ? this.#agents : this.#sources;
  }
}
