const WINDOW_MS = 60_000;
const MOST = 3;

/**
 * Tells a lost state file from a second source with the same id: two sources that each go above the other's versions would never come to
 * an end.
 */
export class VersionWar {
  readonly #raises = new Map<string, number[]>();

  /** Whether the version of that resource may be raised once more. */
  mayRaise(uid: string, now: number): boolean {
    const recent = (this.#raises.get(uid) ?? []).filter((at) => now - at < WINDOW_MS);
    const may = recent.length < MOST;
    if (may) recent.push(now);
    this.#raises.set(uid, recent);
    return may;
  }
}
