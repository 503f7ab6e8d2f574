/** The one clock of a broker: milliseconds that never go back, and their place in the day. */
export interface Clock {
  /** Milliseconds since some moment of this process; only differences mean something. */
  now(): number;
  /** What `now()` said, as milliseconds since 1970. */
  toEpoch(at: number): number;
}

export const processClock: Clock = Object.freeze({
  now: () => performance.now(),
  toEpoch: (at: number) => performance.timeOrigin + at,
});
