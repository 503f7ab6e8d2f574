import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLine, type StoredKey, writeLine } from '../../src/store/store-lines.js';

const key: StoredKey = ['io.example.v1.things', 'c1', 'r1'];

/** Anything that a line can hold: JSON, and what has a form of its own in it. */
const value = fc.anything({
  withBigInt: true,
  withDate: true,
  withNullPrototype: false,
  withMap: false,
  withSet: false,
  withTypedArray: false,
  values: [
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.uint8Array(),
  ],
  key: fc.oneof(
    fc.string(),
    fc.constantFrom('$date', '$bigint', '$bytes', '$escaped', '__proto__', 'toJSON'),
  ),
});

describe('a line of a store file', () => {
  it('gives back whatever was written, on one line', () => {
    fc.assert(
      fc.property(value, (spec) => {
        // A member that is called toJSON is nothing special unless it is a function.
        const resource = { uid: 'r1', spec };
        const line = writeLine({ key, resource });
        expect(line).not.toMatch(/\n/);
        expect(readLine(line)).toEqual({ key, resource });
      }),
      { numRuns: 500 },
    );
  });

  it('gives back that a resource is gone', () => {
    expect(readLine(writeLine({ key, resource: undefined }))).toEqual({ key, resource: undefined });
  });

  it('keeps a surrogate that stands alone', () => {
    const resource = { uid: 'r1', text: '\ud800' };
    expect(readLine(Buffer.from(writeLine({ key, resource }), 'utf8').toString('utf8'))).toEqual({
      key,
      resource,
    });
  });
});
