/** Microseconds since the process began: one clock for everything that a run measures. */
export function nowMicros(): number {
  return Math.floor(performance.now() * 1000);
}
