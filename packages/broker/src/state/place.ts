/** Where a resource lives. */
export interface Place {
  readonly dataType: string;
  readonly cluster: string;
  /** When each source was last asked for its specs here. */
  readonly asked: ReadonlyMap<string, Asked>;
}

/** When a source was asked: in milliseconds, and after which position. */
export interface Asked {
  readonly at: number;
  readonly position: number;
}
