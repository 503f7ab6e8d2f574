import { splitEventType } from 'ce-broker-proto';
import type { EventType } from './envelope.js';

/** Types kept; when there are more, all are forgotten and met again (they are names of code, not of data). */
const MAX_TYPES = 4096;
/** Longer types are parsed each time. */
const MAX_LENGTH = 512;

/** Parsed event types, one object per distinct string for as long as the table holds it. */
export class EventTypes {
  readonly #types = new Map<string, EventType>();

  /** Throws `invalid_argument` with field `type` when the string is not an event type. */
  get(name: string): EventType {
    const known = this.#types.get(name);
    if (known !== undefined) return known;
    const parsed = { name, ...splitEventType(name) };
    if (name.length <= MAX_LENGTH) {
      if (this.#types.size >= MAX_TYPES) this.#types.clear();
      this.#types.set(name, parsed);
    }
    return parsed;
  }
}
