import { expect, test } from 'vitest';
import { CODE } from '../conformance/wire.js';
import { compare, framesOf } from './comparison.js';
import { type Kind, kindOf } from './differences.js';
import { chunksOf, cutsOf, makeAttack } from './mutation.js';
import { Nghttp2Side } from './nghttp2-side.js';
import type { Observation } from './observation.js';
import { OurSide } from './our-side.js';
import { Random, seedOf } from './random.js';
import { COMPARED, SEED, TIMEOUT_MS } from './settings.js';

test(`the same bytes give the same headers and data, or the same kind of error, as nghttp2: ${COMPARED} mutated connections`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const ours = new OurSide();
  const theirs = new Nghttp2Side();
  const kinds: Record<Kind, number> = { fine: 0, 'stream error': 0, 'connection error': 0 };
  const explained = new Map<string, number>();
  const faults: string[] = [];
  for (let index = 0; index < COMPARED && faults.length < 10; index++) {
    const attack = makeAttack(new Random(seedOf(SEED, index)));
    const mine = await ours.observe(chunksOf(attack.bytes, attack.cuts));
    const other = await theirs.observe(attack.bytes);
    kinds[kindOf(mine)] += 1;
    const fault = compare({ ...framesOf(attack.bytes), ours: mine, theirs: other }, (why) => {
      explained.set(why, (explained.get(why) ?? 0) + 1);
    });
    if (fault !== undefined)
      faults.push(`seed ${SEED}, connection ${index} (${attack.mutations.join(', ')}): ${fault}`);
  }
  await ours.close();
  theirs.close();
  if (process.env['CE_BROKER_FUZZ_REPORT'] === '1')
    console.log({ seed: SEED, compared: COMPARED, kinds, explained, abortsOfNode: theirs.aborts });
  expect(faults).toEqual([]);
  expect(ours.faults).toEqual([]);
  // It is not the same case over and over: a fifth at least of each kind that matters.
  expect(kinds.fine).toBeGreaterThan(COMPARED / 5);
  expect(kinds['connection error']).toBeGreaterThan(COMPARED / 5);
  expect(kinds['stream error']).toBeGreaterThan(COMPARED / 100);
});

test('how TCP cuts the bytes makes no difference', { timeout: TIMEOUT_MS }, async () => {
  const ours = new OurSide();
  for (let index = 0; index < COMPARED; index += 3) {
    const random = new Random(seedOf(SEED, index));
    const { bytes } = makeAttack(random);
    const whole = await ours.observe([Buffer.from(bytes)]);
    const cut = await ours.observe(chunksOf(bytes, cutsOf(bytes.length, random)));
    const single = await ours.observe(
      chunksOf(
        bytes,
        Array.from({ length: bytes.length }, (_, at) => at),
      ),
    );
    expect(shown(cut), `seed ${SEED}, connection ${index}`).toEqual(shown(whole));
    expect(shown(single), `seed ${SEED}, connection ${index}`).toEqual(shown(whole));
  }
  await ours.close();
  expect(ours.faults).toEqual([]);
});

test('whatever comes, what goes out keeps the rules', { timeout: TIMEOUT_MS }, async () => {
  const ours = new OurSide(true);
  const broken: string[] = [];
  for (let index = 0; index < COMPARED && broken.length < 10; index++) {
    const { bytes, cuts } = makeAttack(new Random(seedOf(SEED, index)));
    const violations = await ours.audit(chunksOf(bytes, cuts), framesOf(bytes).frames);
    if (violations.length > 0) broken.push(`seed ${SEED}, connection ${index}: ${violations.join('; ')}`);
  }
  await ours.close();
  expect(broken).toEqual([]);
  expect(ours.faults).toEqual([]);
});

/** Without resets by which we spare a client the rest: whether they come depends on when a message has been inflated. */
function shown({ streams, goAway, goAwayText, resets, closed }: Observation): unknown {
  return {
    streams,
    goAway,
    goAwayText,
    closed,
    resets: [...resets].filter(([, code]) => code !== CODE.NO_ERROR),
  };
}
