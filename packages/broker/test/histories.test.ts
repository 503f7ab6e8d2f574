import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fleet, type Step } from './runner/fleet.js';

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

const runs = Number(process.env['HISTORIES'] ?? 300);

describe('random histories of sources, agents, drops and restarts', () => {
  for (const type of ['works', 'bundles']) {
    it(`end with every agent holding what its sources want (${type})`, () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), (steps) => {
          const fleet = new Fleet(type);
          for (const next of steps) fleet.do(next);
          fleet.comeTogether();
          expect({ wrong: fleet.wrong(), script: fleet.script }).toEqual({ wrong: [], script: fleet.script });
        }),
        { numRuns: runs, endOnFailure: false },
      );
    });
  }
});
