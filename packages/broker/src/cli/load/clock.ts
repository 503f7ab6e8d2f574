/** Microseconds since the process began: one clock for everything that a run measures. */
export function nowMicros(): number {
  return Math.floor(performance.now() * 1000);
}

let readAt = 0;

/** A socket has read: what is in it arrived now. */
export function markArrival(): void {
  readAt = nowMicros();
}

/** When the bytes that are being looked at were read, by the same clock: one look at the clock for all that came together. */
export function arrivalMicros(): number {
  return readAt;
}
