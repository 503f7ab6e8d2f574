import { MOST_AT_REST } from '../state/residents.js';
import type { MassDeletion } from './deletion-guard.js';

/** The core's settings; every time is in milliseconds, every size in bytes. */
export interface CoreOptions {
  /** `false`: nothing is kept, everything is relayed, every resync is forwarded as it came. */
  readonly keepState: boolean;
  /** What happens to listed ids that nobody owns: shown and withheld, or handed to every source as an MQTT broker does. */
  readonly orphans: 'withhold' | 'forward';
  readonly heartbeatIntervalMs: number;
  /** A connection that takes nothing for so long although something waits is ended. */
  readonly drainTimeoutMs: number;
  /** How long the Publishes in flight on an ended connection may still be answered. */
  readonly endGraceMs: number;
  /** Bound of one session's lane for what has no state. */
  readonly laneBytes: number;
  /** Bound of all lanes together. */
  readonly totalLaneBytes: number;
  /** The largest message that a receiver takes: lists are cut to it. */
  readonly receiverMaxBytes: number;
  /** How long a resync waits for its asker's subscription. */
  readonly resyncHoldMs: number;
  /** Within this time a source is asked once per cluster and type, however many agents ask. */
  readonly resyncShareMs: number;
  /** Every Publish is answered within this time. */
  readonly publishTimeoutMs: number;
  /** Distance between a deletion and what follows it on the same resource. */
  readonly deletionGapMs: number;
  /** How long a present life waits for the confirmation of the earlier one's deletion. */
  readonly farewellTimeoutMs: number;
  /** How long a deletion that nobody confirms is kept. */
  readonly tombstoneRetentionMs: number;
  /** Resources that stay in memory although the store has them and nobody holds them. */
  readonly mostAtRest: number;
  /** How many specs, and statuses, of a resource are kept: the newest and those before it. */
  readonly history: number;
  /** How long a confirmed deletion is remembered, so that late events of that life are known as such. */
  readonly graveRetentionMs: number;
  /** When so many deletions come together that they wait for consent; `false`: never. */
  readonly massDeletion: MassDeletion | false;
  /** Resources that are looked at in one turn of the event loop; where there are more, the rest is looked at in later turns. */
  readonly sliceSize: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_CORE_OPTIONS: CoreOptions = Object.freeze({
  keepState: true,
  orphans: 'withhold',
  heartbeatIntervalMs: 10_000,
  drainTimeoutMs: 10_000,
  endGraceMs: 2_000,
  laneBytes: 16 * MIB,
  totalLaneBytes: 256 * MIB,
  receiverMaxBytes: 4 * MIB,
  resyncHoldMs: 10_000,
  resyncShareMs: 10_000,
  publishTimeoutMs: 10_000,
  deletionGapMs: 200,
  farewellTimeoutMs: 30_000,
  tombstoneRetentionMs: 7 * 24 * 3_600_000,
  mostAtRest: MOST_AT_REST,
  history: 1,
  graveRetentionMs: 3_600_000,
  massDeletion: false,
  sliceSize: 1_000,
});
