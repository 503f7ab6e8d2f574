import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cold } from './runner/cold.js';
import { Fleet } from './runner/fleet.js';
import type { Step } from './runner/fleet-model.js';
import { runScript } from './runner/script.js';
import { survives } from './runner/survives.js';
import { inMemory } from './runner/world.js';

const cluster = fc.constantFrom('c1', 'c2');
const source = fc.constantFrom('A', 'B');
const id = fc.constant('x');

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('create' as const), source, cluster, id }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('update' as const), source, cluster, id }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), source, cluster, id }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('late-update' as const), source, cluster, id }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('arrive' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('report' as const), cluster }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop-agent' as const), cluster }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('connect-agent' as const), cluster }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('subscribe-agent' as const), cluster }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop-source' as const), source }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('connect-source' as const), source }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('freeze' as const), cluster }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('thaw' as const), cluster }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resync' as const), cluster }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 6, 11) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

const what = fc.constantFrom(
  ...(['c1', 'c2'] as const).map((name) => ({ what: 'cluster' as const, name })),
  ...(['A', 'B'] as const).map((name) => ({ what: 'source' as const, name })),
  ...(['c1/x-A', 'c2/x-B', 'c1/keep-A'] as const).map((name) => ({ what: 'resource' as const, name })),
);
const stepWithHolds: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: step },
  { weight: 1, arbitrary: what.map((target) => ({ kind: 'hold' as const, ...target })) },
  { weight: 1, arbitrary: what.map((target) => ({ kind: 'release' as const, ...target })) },
);
const stepWithConsent: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: stepWithHolds },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('consent' as const), cluster }) },
);

const stepWithDiscard: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: stepWithConsent },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('discard' as const), cluster }) },
);

const stepWithBackups: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: step },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('backup' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
);

const runs = Number(process.env['HISTORIES'] ?? 300);
/** The same histories every time, unless asked for others: `HISTORIES=20000 HISTORIES_SEED=$RANDOM`. */
const seed = Number(process.env['HISTORIES_SEED'] ?? 20_261_124);

describe('random histories of sources, agents, drops and restarts', () => {
  for (const type of ['works', 'bundles']) {
    it(`end with every agent holding what its sources want (${type})`, () => {
      play(step, () => new Fleet(type));
    });
  }

  for (const type of ['works', 'bundles']) {
    it(`end so when things are held and released meanwhile, and nobody gets what is held (${type})`, () => {
      play(stepWithHolds, () => new Fleet(type));
    });

    it(`end so when deletions wait for consent meanwhile (${type})`, () => {
      play(stepWithConsent, () => new Fleet(type, { share: 0.2, withinMs: 1_000, least: 1 }));
    });
  }

  for (const type of ['works', 'bundles']) {
    it(`end so when deletions that wait are discarded meanwhile (${type})`, () => {
      play(stepWithDiscard, () => new Fleet(type, { share: 0.2, withinMs: 1_000, least: 1 }));
    });

    it(`end so when they are over a store that survives (${type})`, () => {
      play(stepWithDiscard, () => new Fleet(type, { share: 0.2, withinMs: 1_000, least: 1 }, survives()));
    });
  }

  for (const type of ['works', 'bundles']) {
    it(`end so over a store that survives, and comes back from backups (${type})`, () => {
      play(stepWithBackups, () => new Fleet(type, false, survives()));
    });
  }

  for (const type of ['works', 'bundles']) {
    it(`end so when everything that goes through all resources takes many turns (${type})`, () => {
      play(step, () => new Fleet(type, false, inMemory, true));
    });

    it(`end so when it does over a store that survives (${type})`, () => {
      play(stepWithBackups, () => new Fleet(type, false, survives(), true));
    });

    it(`end so when nothing is in memory from one turn to the next (${type})`, () => {
      play(stepWithBackups, () => new Fleet(type, false, cold(survives()), true));
    });
  }

  it('can be played again as a rule script', () => {
    const fleet = new Fleet('bundles');
    fleet.do({ kind: 'create', source: 'A', cluster: 'c1', id: 'x' });
    fleet.do({ kind: 'late-update', source: 'A', cluster: 'c1', id: 'x' });
    fleet.do({ kind: 'delete', source: 'A', cluster: 'c1', id: 'x' });
    fleet.do({ kind: 'arrive' });
    fleet.comeTogether();
    const played = runScript(fleet.script.join('\n'));
    expect(played).toContain('c1 gets update c1/x-A v2 from A type bundles');
    expect(played).toContain('c1 gets delete c1/x-A v2 from A deletion type bundles');
  });
});

function play(steps: fc.Arbitrary<Step>, start: () => Fleet): void {
  fc.assert(
    fc.property(fc.array(steps, { minLength: 1, maxLength: 80, size: 'max' }), (history) => {
      const fleet = start();
      for (const next of history) fleet.do(next);
      fleet.comeTogether();
      const wrong = fleet.wrong();
      if (wrong.length > 0)
        throw new Error(`${wrong.join('\n')}\n\nas a rule script:\n\n${fleet.script.join('\n')}\n`);
    }),
    { numRuns: runs, seed, endOnFailure: false },
  );
}
