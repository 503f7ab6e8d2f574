/** The one clock of a broker: milliseconds since 1970 that never go back while the process lives. */
export interface Clock {
  now(): number;
}

/** Read once: the getter costs more than the clock. */
const { timeOrigin } = performance;

export const processClock: Clock = Object.freeze({
  now: () => timeOrigin + performance.now(),
});
