export type SessionRole = 'agent' | 'source';

export interface SessionDescription {
  readonly id: number;
  readonly role: SessionRole;
  /** The cluster of an agent, the id of a source. */
  readonly name: string;
  /** `""`: every data type. */
  readonly dataType: string;
  readonly user: string;
  readonly openedAt: number;
  /** Undefined: everything of `dataType`. */
  readonly filter?: SessionFilter | undefined;
}

/** What a subscription leaves out. An empty set leaves out nothing. */
export interface SessionFilter {
  readonly dataTypes: ReadonlySet<string>;
  /** For an agent: the sources that it listens to; for a source: the clusters that it looks after. */
  readonly peers: ReadonlySet<string>;
}
