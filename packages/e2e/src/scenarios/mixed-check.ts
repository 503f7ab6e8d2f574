import {
  agentsHoldWhatIsWanted,
  nothingIsDeleted,
  sourcesKnowTheNewestStatus,
  versionsNeverGoBack,
} from '../checkers.js';
import type { MixedFleet } from '../mixed-fleet.js';
import type { Run } from '../run.js';

/** What must hold in the end. SDK v0.15 runs its handlers at once, so that it may see versions out of order: they are counted only. */
export function checkMixed(run: Run, fleet: MixedFleet): void {
  const lines = run.history.read();
  const unordered = new Set(
    fleet.agents.filter(({ version }) => version === 'v0.15.0').map(({ name }) => name),
  );
  const backwards = versionsNeverGoBack(lines.filter(({ who }) => unordered.has(who)));
  run.figure('backwardsInV015', backwards.length);
  run.figure('refused', lines.filter(({ k }) => k === 'refused').length);
  run.figure('acked', lines.filter(({ k }) => k === 'acked').length);
  run.fault(
    ...versionsNeverGoBack(lines.filter(({ who }) => !unordered.has(who))),
    ...nothingIsDeleted(lines),
    ...agentsHoldWhatIsWanted(lines),
    ...sourcesKnowTheNewestStatus(lines),
  );
}
