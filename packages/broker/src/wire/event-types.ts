import { splitEventType } from 'ce-broker-proto';
import type { EventType } from './envelope.js';

/** Types kept; when there are more, all are forgotten and met again (they are names of code, not of data). */
const MAX_TYPES = 4096;
/** Longer types are parsed each time. */
const MAX_LENGTH = 512;

/** Parsed event types, one object per distinct string for as long as the table holds it. */
export class EventTypes {
  readonly #types = new Map<string, EventType>();
  readonly #share: (dataType: string) => string;

  /** @param share gives the one string that others compare data types with */
  constructor(share: (dataType: string) => string = (dataType) => dataType) {
    this.#share = share;
  }

  /** Throws `invalid_argument` with field `type` when the string is not an event type. */
  get(name: string): EventType {
    const known = this.#types.get(name);
    if (known !== undefined) return known;
    const { action, dataType, subResource } = splitEventType(name);
    const parsed = { name, dataType: this.#share(dataType), subResource, action };
    if (name.length <= MAX_LENGTH) {
      if (this.#types.size >= MAX_TYPES) this.#types.clear();
      this.#types.set(name, parsed);
    }
    return parsed;
  }
}
