import { describe, expect, it } from 'vitest';
import { compareSequenceIds, snowflakeSequence } from '../../src/codec/sequence.js';

/** Written by Go's generator on node 1, in the one millisecond given. */
const GO_MS = 1795553349206;
const GO_IDS = ['2125330905244372992', '2125330905244372993', '2125330905244372994'];

describe('a snowflake sequence', () => {
  it("writes the ids of Go's generator", () => {
    const next = snowflakeSequence({ now: () => GO_MS });
    expect([next(), next(), next()]).toEqual(GO_IDS);
  });

  it('rises by every call, whatever the clock does', () => {
    let ms = GO_MS;
    const next = snowflakeSequence({ now: () => ms, node: 1023 });
    let last = next();
    for (const step of [0, 0, 1, -5_000, 0, 20, 10_000, -1, -3_600_000, 0]) {
      ms += step;
      const id = next();
      expect(compareSequenceIds(last, id)).toBe(true);
      expect(BigInt(id)).toBeGreaterThan(BigInt(last));
      last = id;
    }
  });

  it('runs ahead of the clock when a millisecond is used up', () => {
    const next = snowflakeSequence({ now: () => GO_MS });
    const ids = Array.from({ length: 10_000 }, next);
    expect(new Set(ids).size).toBe(10_000);
    for (const [index, id] of ids.slice(1).entries()) {
      expect(compareSequenceIds(ids[index] ?? '', id)).toBe(true);
    }
  });

  it('goes on after the last id of an earlier run', () => {
    const after = GO_IDS[2] ?? '';
    const next = snowflakeSequence({ now: () => GO_MS - 86_400_000, after });
    const id = next();
    expect(compareSequenceIds(after, id)).toBe(true);
    expect(compareSequenceIds(id, next())).toBe(true);
    expect(compareSequenceIds(after, snowflakeSequence({ now: () => GO_MS + 5, after })())).toBe(true);
  });

  it.each([-1, 1024, 1.5, Number.NaN])('refuses the node %s', (node) => {
    expect(() => snowflakeSequence({ node })).toThrow(
      `node is ${node}; it must be a whole number from 0 to 1023`,
    );
  });

  it('refuses to go on after what is no id', () => {
    expect(() => snowflakeSequence({ after: 'abc' })).toThrow('after: "abc" is no sequence id');
  });
});

describe('comparing sequence ids', () => {
  it.each([
    ['', '1834773391719010304', true],
    ['1834773391719010304', '1834773613329256448', true],
    ['1834773613329256448', '1834773391719010304', false],
    ['1834773391719010304', '1834773391719010304', false],
    [GO_IDS[0] ?? '', GO_IDS[1] ?? '', true],
    [GO_IDS[1] ?? '', GO_IDS[0] ?? '', false],
  ])('says of %j and %j: %j, as Go does', (last, current, later) => {
    expect(compareSequenceIds(last, current)).toBe(later);
  });

  it('refuses ids of two nodes, and what is no id', () => {
    const [one, two] = [snowflakeSequence({ node: 1 })(), snowflakeSequence({ node: 2 })()];
    expect(() => compareSequenceIds(one, two)).toThrow(/are of the nodes 1 and 2/);
    expect(() => compareSequenceIds(one, '')).toThrow('current: "" is no sequence id');
    expect(() => compareSequenceIds('x', one)).toThrow('last: "x" is no sequence id');
  });
});
