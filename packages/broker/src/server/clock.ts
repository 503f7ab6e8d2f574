/** The one clock of a broker: milliseconds since 1970 that never go back while the process lives. */
export interface Clock {
  now(): number;
}

export const processClock: Clock = Object.freeze({
  now: () => performance.timeOrigin + performance.now(),
});
