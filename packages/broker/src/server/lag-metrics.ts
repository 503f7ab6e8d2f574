import type { Core } from '../core/index.js';
import { syncOf } from './admin/sync.js';
import { type MetricDefinition, plain } from './metric-definition.js';
import type { Unanswered, WalkResult } from './stuck-walk.js';

/** What is late at one moment. Times are in milliseconds since 1970. */
export interface LagSample {
  readonly view: Readonly<Core>;
  readonly now: number;
  /** Undefined: the first walk is not over. */
  readonly walk: WalkResult | undefined;
}

export const LAG_METRICS: readonly MetricDefinition<LagSample>[] = Object.freeze<
  MetricDefinition<LagSample>[]
>([
  plain(
    'gauge',
    'oldest_unanswered_seconds',
    'Age of the oldest spec or deletion that a connected agent has and has not answered; 0: all are answered.',
    oldestUnanswered,
  ),
  {
    name: 'ce_broker_stuck',
    type: 'gauge',
    help: 'What has not moved for a minute, by kind and reason; /state/stuck shows it.',
    labels: ['kind', 'reason'],
    read: ({ walk }) => walk?.stuck.map(({ count, kind, reason }) => [{ kind, reason }, count]) ?? [],
  },
  plain(
    'gauge',
    'stuck_age_seconds',
    'How long ago the walk began that counted what is stuck.',
    ({ now, walk }) => (walk === undefined ? undefined : (now - walk.begunAt) / 1000),
  ),
  plain('gauge', 'stuck_walk_seconds', 'How long that walk took.', ({ walk }) =>
    walk === undefined ? undefined : (walk.endedAt - walk.begunAt) / 1000,
  ),
  plain('gauge', 'oldest_hold_seconds', 'Age of the oldest hold; 0: nothing is held.', ({ now, view }) =>
    age(now, view.holds.all()),
  ),
  plain(
    'gauge',
    'oldest_held_deletion_seconds',
    'For how long deletions have waited for consent; 0: none waits.',
    ({ now, view }) => age(now, view.deletions.all()),
  ),
]);

/** The walk's oldest that are still unanswered: 64 looks at most. */
function oldestUnanswered({ now, view, walk }: LagSample): number | undefined {
  if (walk === undefined) return undefined;
  const oldest = walk.unanswered.find((one) => isUnanswered(view, one));
  return oldest === undefined ? 0 : Math.max(0, now - oldest.since) / 1000;
}

function isUnanswered({ table }: Readonly<Core>, { cluster, dataType, id }: Unanswered): boolean {
  const resource = table.find(dataType, cluster)?.find(id);
  const sync = resource === undefined ? undefined : syncOf(resource);
  return sync !== undefined && sync !== 'answered';
}

function age(now: number, things: Iterable<{ readonly since: number }>): number {
  let oldest = now;
  for (const { since } of things) oldest = Math.min(oldest, since);
  return (now - oldest) / 1000;
}
