import { describe, expect, it } from 'vitest';
import {
  agentsHoldWhatIsWanted,
  nothingAcknowledgedIsLost,
  nothingIsDeleted,
  ownersAreKept,
  sourcesKnowTheNewestStatus,
  versionsNeverGoBack,
} from '../../src/checkers.js';
import type { HistoryLine } from '../../src/index.js';

const x = { t: 1, cluster: 'c1', id: 'x' } as const;
const got = (version: number, life = 1): HistoryLine => ({ ...x, k: 'got', who: 'c1', version, life });
const wants: HistoryLine = { ...x, k: 'wants', who: 'A', version: 2, life: 1 };
const holds = (version: number): HistoryLine => ({
  ...x,
  k: 'holds',
  who: 'c1',
  source: 'A',
  version,
  life: 1,
});

describe('a checker finds what does not hold', () => {
  it('a version or a life that goes back', () => {
    expect(versionsNeverGoBack([got(1), got(2), got(2), got(1, 2)])).toEqual([]);
    expect(versionsNeverGoBack([got(2), got(1)])).toHaveLength(1);
    expect(versionsNeverGoBack([got(1, 2), got(5, 1)])).toHaveLength(1);
  });

  it('a deletion, and an event of the wrong owner', () => {
    expect(nothingIsDeleted([{ ...got(1), deleted: true }])).toHaveLength(1);
    expect(ownersAreKept([{ ...got(1), id: 'work-east', source: 'west' }])).toHaveLength(1);
    expect(ownersAreKept([{ ...got(1), id: 'work-east', source: 'east' }])).toEqual([]);
  });

  it('an end state that differs', () => {
    expect(agentsHoldWhatIsWanted([wants, holds(2)])).toEqual([]);
    expect(agentsHoldWhatIsWanted([wants, holds(1)])).toHaveLength(1);
    expect(agentsHoldWhatIsWanted([wants])).toHaveLength(1);
    expect(agentsHoldWhatIsWanted([holds(2)])).toHaveLength(1);
  });

  it('a status that never arrived', () => {
    const knows: HistoryLine = { ...x, k: 'knows', who: 'A', sequence: 7 };
    expect(sourcesKnowTheNewestStatus([{ ...holds(1), sequence: 7 }, knows])).toEqual([]);
    expect(sourcesKnowTheNewestStatus([{ ...holds(1), sequence: 8 }, knows])).toHaveLength(1);
  });

  it('an acknowledged event that never arrived', () => {
    const acked: HistoryLine = { ...x, k: 'acked', who: 'A', version: 3 };
    expect(nothingAcknowledgedIsLost([acked, got(3)])).toEqual([]);
    expect(nothingAcknowledgedIsLost([acked, got(2)])).toHaveLength(1);
  });
});
