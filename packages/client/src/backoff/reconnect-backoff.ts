/** Gives the milliseconds to wait before the next attempt to connect (Go: `generic.DelayFn`). */
export type DelayFn = () => number;
