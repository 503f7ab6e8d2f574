import type { Outlet } from './outlet.js';

/** Where the bytes of a Watch go: events in batches, and between them what a plain subscription does not tell. */
export interface WatchOutlet extends Outlet {
  /** Events that were written and are not complete yet. */
  readonly hasEvents: boolean;
  /** The position of what is written next; without it, it has none. */
  next(position: number): void;
  /** What was written since the last call is one batch. `position`: where to resume after it; 0: as before. */
  complete(position: number): void;
  /** Everything that was missed has been written. */
  caughtUp(position: number): void;
  beat(position: number): void;
}
