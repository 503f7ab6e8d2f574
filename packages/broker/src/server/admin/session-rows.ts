import type { Core } from '../../core/index.js';
import type { Session } from '../../delivery/session.js';
import type { Clock } from '../clock.js';
import { SubscriptionOutlet } from '../subscription.js';
import type { StateFilter } from './state-filter.js';

/** Rows that are shown at most. */
const MOST_ROWS = 10_000;

/** One subscription in `/sessions`. */
export interface SessionRow {
  readonly id: number;
  readonly role: 'agent' | 'source';
  /** The cluster of an agent, the id of a source. */
  readonly name: string;
  /** Empty: every data type. */
  readonly dataType: string;
  readonly user: string;
  /** `HOST:PORT` of the other side. */
  readonly peer: string;
  /** ISO 8601. */
  readonly openedAt: string;
  /** Resources that it still has to see. */
  readonly dirtyKeys: number;
  /** Resources that it would see, but they are held. */
  readonly heldKeys: number;
  /** Bytes of events without state that wait for it. */
  readonly laneBytes: number;
  /** How long its connection has taken nothing although something waits, in milliseconds; 0: it is not blocked. */
  readonly blockedForMs: number;
  /** Events sent to it. */
  readonly sentEvents: number;
}

/** The open subscriptions, one by one: `cluster` and `source` pick by name, `type` those that see this data type. */
export class SessionRows {
  readonly #view: Readonly<Core>;
  readonly #clock: Clock;

  constructor(view: Readonly<Core>, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
  }

  *rows(filter: StateFilter): Iterable<SessionRow> {
    let shown = 0;
    for (const session of this.#view.sessions.all()) {
      if (!fits(session, filter)) continue;
      if (shown === MOST_ROWS) return;
      shown += 1;
      yield this.#row(session);
    }
  }

  #row({ about, blockedSince, dirty, held, laneBytes, outlet, sentEvents }: Session): SessionRow {
    const { id, role, name, dataType, user, openedAt } = about;
    return {
      id,
      role,
      name,
      dataType,
      user,
      peer: outlet instanceof SubscriptionOutlet ? outlet.stream.peer.address : '',
      openedAt: new Date(openedAt).toISOString(),
      dirtyKeys: dirty.size,
      heldKeys: held.size,
      laneBytes,
      blockedForMs: blockedSince === undefined ? 0 : Math.round(this.#clock.now() - blockedSince),
      sentEvents,
    };
  }
}

function fits({ about }: Session, { cluster, source, type }: StateFilter): boolean {
  if (cluster !== undefined && (about.role !== 'agent' || about.name !== cluster)) return false;
  if (source !== undefined && (about.role !== 'source' || about.name !== source)) return false;
  return type === undefined || about.dataType === '' || about.dataType === type;
}
