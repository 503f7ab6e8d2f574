/** Settings of a store; sizes in bytes. */
export interface LmdbSettings {
  /** Bytes of events that are kept in memory beside the files, for receivers that share them. */
  readonly cacheBytes: number;
  /** What may wait for the disk before Publishes are refused. */
  readonly mostUnderWay: number;
  /** So many heads wait in the journal before they are written where they belong; in a large store more, so that neighbours share pages. */
  readonly settleAt: number;
  readonly settleAtMost: number;
  /** What they take in memory at most before they are, and what events that nobody needs any more take in the file until they go. */
  readonly settleAtBytes: number;
  readonly settleAtDeadBytes: number;
}

export const DEFAULT_SETTINGS: LmdbSettings = Object.freeze({
  // What is delivered at once needs no more, and what lives longer costs the garbage collector more than it saves.
  cacheBytes: 2 * 1024 * 1024,
  mostUnderWay: 64 * 1024 * 1024,
  settleAt: 16_384,
  // A start after a kill reads them all: up to a second.
  settleAtMost: 131_072,
  settleAtBytes: 32 * 1024 * 1024,
  settleAtDeadBytes: 128 * 1024 * 1024,
});
