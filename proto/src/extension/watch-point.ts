/** A point in a broker's line of events. */
export interface WatchPoint {
  readonly epoch: string;
  readonly position: number;
}
