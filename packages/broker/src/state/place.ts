/** Where a resource lives. */
export interface Place {
  readonly dataType: string;
  readonly cluster: string;
  /** `durable`: kept in the store. `latest`: kept in memory, whatever the store is. */
  readonly keep: 'durable' | 'latest';
  /** Its number in the store; 0: the store does not know it. The store gives it. */
  number: number;
  /** Goes up with each change of the counts below. */
  readonly revision: number;
  /** The revision that the store took last; -1: none. The store sets it. */
  storedRevision: number;
  /** How many resources here are known, in memory or not. */
  readonly size: number;
  /** How many resources here hold a request of an agent. */
  readonly requests: number;
  /** How many resources each source owns here. */
  readonly owned: ReadonlyMap<string, number>;
  /** When each source was last asked for its specs here. */
  readonly asked: ReadonlyMap<string, Asked>;
}

/** When a source was asked: in milliseconds, and after which position. */
export interface Asked {
  readonly at: number;
  readonly position: number;
}
