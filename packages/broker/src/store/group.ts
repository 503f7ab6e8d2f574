import type { Place } from '../state/place.js';
import type { Resource } from '../state/resource.js';
import { GroupEvents } from './group-events.js';

/** Everything that happened since the group before was cut: it becomes durable as a whole, or not at all. */
export class Group {
  readonly events = new GroupEvents();
  readonly resources = new Set<Resource>();
  readonly places = new Set<Place>();
  /** Positions of events that nobody needs any more once this group is committed. */
  readonly dead: number[] = [];
  /** What those take in the file. */
  deadBytes = 0;
  readonly entries = new Map<string, string | undefined>();
  readonly droppedPlaces: number[] = [];
  /** It is to be written although nothing is in it: how far the store has come. */
  withProgress = false;
  /** What its events take in memory. */
  bytes = 0;
  /** No position from here on is durable before it is; undefined: none waits for it. */
  first: number | undefined;

  get isEmpty(): boolean {
    return (
      !this.withProgress &&
      this.events.size === 0 &&
      this.resources.size === 0 &&
      this.entries.size === 0 &&
      this.dead.length === 0 &&
      this.droppedPlaces.length === 0
    );
  }
}
