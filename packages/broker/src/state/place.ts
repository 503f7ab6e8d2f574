/** Where a resource lives. */
export interface Place {
  readonly dataType: string;
  readonly cluster: string;
  /** `durable`: kept in the store. `latest`: kept in memory, whatever the store is. */
  readonly keep: 'durable' | 'latest';
  /** When each source was last asked for its specs here. */
  readonly asked: ReadonlyMap<string, Asked>;
}

/** When a source was asked: in milliseconds, and after which position. */
export interface Asked {
  readonly at: number;
  readonly position: number;
}
