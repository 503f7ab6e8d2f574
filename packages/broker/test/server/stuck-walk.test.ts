import { describe, expect, it } from 'vitest';
import type { StuckRow } from '../../src/server/admin/stuck-rows.js';
import { processClock } from '../../src/server/clock.js';
import { StuckWalk, type WalkOptions, type WalkResult } from '../../src/server/stuck-walk.js';

const options = (more: Partial<WalkOptions> = {}): WalkOptions => ({
  restMs: 5,
  onFault: (error) => {
    throw error;
  },
  ...more,
});

function row(
  id: string,
  ageMs: number,
  parts: Partial<StuckRow> = {},
  code: StuckRow['why'][number]['code'] = 'no-report',
): StuckRow {
  return {
    kind: 'spec',
    id,
    cluster: 'c1',
    dataType: 'example.com.v1.widgets',
    owner: 's1',
    since: new Date(processClock.now() - ageMs).toISOString(),
    ageMs,
    spec: 1,
    status: null,
    why: [{ about: 'spec', code, text: 'because', since: null }],
    ...parts,
  };
}

async function found(
  walk: StuckWalk,
  fits: (result: WalkResult) => boolean = () => true,
): Promise<WalkResult> {
  for (;;) {
    const result = walk.look();
    if (result !== undefined && fits(result)) return result;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe('the walk that counts what is stuck', () => {
  it('counts by kind and reason what is old enough, and finds the oldest without an answer', async () => {
    const rows = [
      row('young', 10),
      undefined,
      row('old', 90_000),
      row('older', 120_000),
      row('away', 200_000, {}, 'no-subscriber'),
      row('gone', 100_000, { kind: 'deletion' }, 'unconfirmed'),
      row('lost', 300_000, { kind: 'orphan' }, 'orphan'),
    ];
    const walk = new StuckWalk(() => rows, processClock, options());
    expect(walk.look()).toBeUndefined();
    const { stuck, unanswered } = await found(walk);
    expect(stuck).toEqual([
      { kind: 'spec', reason: 'no-report', count: 2 },
      { kind: 'spec', reason: 'no-subscriber', count: 1 },
      { kind: 'deletion', reason: 'unconfirmed', count: 1 },
      { kind: 'orphan', reason: 'orphan', count: 1 },
    ]);
    expect(unanswered.map(({ id }) => id)).toEqual(['older', 'gone', 'old', 'young']);
    walk.close();
  });

  it('keeps the 64 oldest, whatever their order', async () => {
    const rows = Array.from({ length: 1_000 }, (_, index) =>
      row(`r${index}`, 1_000_000 + ((index * 617) % 1_000) * 1_000),
    );
    const walk = new StuckWalk(() => rows, processClock, options());
    const { unanswered } = await found(walk);
    expect(unanswered).toHaveLength(64);
    const oldest = [...rows].sort((one, other) => other.ageMs - one.ageMs).slice(0, 64);
    expect(unanswered.map(({ id }) => id)).toEqual(oldest.map(({ id }) => id));
    walk.close();
  });

  it('leaves the event loop to others while it walks', async () => {
    let turns = 0;
    function* rows(): Iterable<undefined> {
      for (let turn = turns; turns < turn + 3; ) yield undefined;
    }
    const walk = new StuckWalk(rows, processClock, options());
    const beat = setInterval(() => {
      turns += 1;
    }, 1);
    await found(walk);
    clearInterval(beat);
    walk.close();
  });

  it('goes on after a fault, and begins anew', async () => {
    const faults: unknown[] = [];
    let walks = 0;
    function* rows(): Iterable<StuckRow> {
      walks += 1;
      yield row('one', 90_000);
      if (walks === 1) throw new Error('a page is damaged');
    }
    const walk = new StuckWalk(rows, processClock, options({ onFault: (error) => faults.push(error) }));
    expect((await found(walk)).stuck).toEqual([{ kind: 'spec', reason: 'no-report', count: 1 }]);
    expect(faults).toEqual([new Error('a page is damaged')]);
    walk.close();
  });

  it('lets go of what it was reading when it is closed', async () => {
    let released = false;
    let began: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      began = resolve;
    });
    function* rows(): Iterable<undefined> {
      try {
        began();
        for (;;) yield undefined;
      } finally {
        released = true;
      }
    }
    const walk = new StuckWalk(rows, processClock, options());
    walk.look();
    await begun;
    walk.close();
    expect(released).toBe(true);
  });
});
