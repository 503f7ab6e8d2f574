/** Plain numbers, counted where things happen and read when somebody looks. */
export class Counters {
  published = 0;
  publishedBytes = 0;
  acknowledged = 0;
  refused = new Map<string, number>();
  /** Publishes that were refused because the store takes nothing, by reason; `refused` counts them too. */
  refusedByStore = new Map<string, number>();
  duplicates = 0;
  stale = 0;
  relayed = 0;
  /** Resyncs asked by agents and by sources. */
  specResyncs = 0;
  statusResyncs = 0;
  /** Lists sent to sources; asks that shared one that was under way. */
  listsToSources = 0;
  listsShared = 0;
  /** Events that reached nobody, by reason. */
  dropped = new Map<string, number>();
  evictions = new Map<string, number>();
  sentEvents = 0;
  sentBytes = 0;

  count(map: Map<string, number>, key: string): void {
    map.set(key, (map.get(key) ?? 0) + 1);
  }
}
