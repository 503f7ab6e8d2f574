import { expect, it } from 'vitest';
import type { HistoryLine } from '../../src/index.js';
import {
  NO_ANSWER,
  PROBE_BEGINS,
  PROBE_ENDS,
  storedIsWhatWasAcknowledged,
} from '../../src/stored-history.js';

let t = 0;
const r = { cluster: 'c1', id: 'r' } as const;
const line = (k: HistoryLine['k'], more: Partial<HistoryLine>): HistoryLine => ({
  t: ++t,
  k,
  who: 'A',
  ...r,
  ...more,
});
const spec = (version: number, life = 1) => ({ version, life, deleted: false });
const deletion = (version: number) => ({ version, life: 1, deleted: true });
const probe = (...seen: HistoryLine[]): HistoryLine[] => [
  { t: ++t, k: 'fault', who: 'probe', note: PROBE_BEGINS },
  ...seen,
  { t: ++t, k: 'fault', who: 'probe', note: PROBE_ENDS },
];
const acked = (said: Partial<HistoryLine>) => [line('sent', said), line('acked', said)];
const unanswered = (said: Partial<HistoryLine>) => [
  line('sent', said),
  line('refused', { ...said, code: NO_ANSWER }),
];
const refused = (said: Partial<HistoryLine>) => [line('sent', said), line('refused', { ...said, code: 8 })];

it('takes what was acknowledged, or what was under way when the broker went', () => {
  expect(storedIsWhatWasAcknowledged([...acked(spec(1)), ...probe(line('holds', spec(1)))])).toEqual([]);
  const cut = [...acked(spec(1)), ...unanswered(spec(2))];
  expect(storedIsWhatWasAcknowledged([...cut, ...probe(line('holds', spec(1)))])).toEqual([]);
  expect(storedIsWhatWasAcknowledged([...cut, ...probe(line('holds', spec(2)))])).toEqual([]);
  expect(storedIsWhatWasAcknowledged([...acked(spec(1)), ...acked(deletion(1)), ...probe()])).toEqual([]);
});

it('finds an acknowledged event that is lost, and one that was handed out and is lost', () => {
  expect(storedIsWhatWasAcknowledged([...acked(spec(1)), ...probe()])).toHaveLength(1);
  expect(
    storedIsWhatWasAcknowledged([...acked(spec(1)), ...acked(spec(2)), ...probe(line('holds', spec(1)))]),
  ).toHaveLength(1);
  const shown = [...acked(spec(1)), line('sent', spec(2)), line('got', spec(2))];
  expect(storedIsWhatWasAcknowledged([...shown, ...probe(line('holds', spec(1)))])).toHaveLength(1);
  const status = { version: 1, sequence: 1 };
  expect(
    storedIsWhatWasAcknowledged([...acked(spec(1)), ...acked(status), ...probe(line('holds', spec(1)))]),
  ).toHaveLength(1);
});

it('finds what was refused and is there, and what was missing and comes back', () => {
  const full = [...acked(spec(1)), ...refused(spec(2))];
  expect(storedIsWhatWasAcknowledged([...full, ...probe(line('holds', spec(2)))])).toHaveLength(1);
  expect(storedIsWhatWasAcknowledged([...full, line('got', spec(2))])).toHaveLength(1);
  const gone = [...acked(spec(1)), ...unanswered(spec(2)), ...probe(line('holds', spec(1)))];
  expect(storedIsWhatWasAcknowledged([...gone, ...probe(line('holds', spec(2)))])).toHaveLength(1);
  expect(
    storedIsWhatWasAcknowledged([...acked(spec(1)), ...acked(deletion(1)), ...probe(line('holds', spec(1)))]),
  ).toHaveLength(1);
});
