interface Turn {
  /** The highest version that is not of this source. */
  above: string;
  conflict: boolean;
}

/**
 * Tells a lost state file from a second source with the same id: two sources that each go above the other's versions would never come to
 * an end. A state file is lost between two runs, so a source goes above a foreign version once; the second one is of another source, and
 * so is one that comes after the agent had the own version.
 */
export class VersionWar {
  readonly #turns = new Map<string, Turn>();

  /** A foreign version was reported. Gives whether to go above it; false: there is another source. */
  mayRaise(uid: string, version: string, hadOwn: boolean): boolean {
    const turn = this.#turns.get(uid);
    if (turn === undefined && !hadOwn) {
      this.#turns.set(uid, { above: version, conflict: false });
      return true;
    }
    const above = turn !== undefined && BigInt(turn.above) > BigInt(version) ? turn.above : version;
    this.#turns.set(uid, { above, conflict: true });
    return false;
  }

  /** Whether the resource is left to the other source. */
  has(uid: string): boolean {
    return this.#turns.get(uid)?.conflict === true;
  }

  /** The own file has changed: it is published again. Gives the version to go above, if there was a conflict. */
  over(uid: string): string | undefined {
    const turn = this.#turns.get(uid);
    this.#turns.delete(uid);
    return turn?.conflict === true ? turn.above : undefined;
  }
}
