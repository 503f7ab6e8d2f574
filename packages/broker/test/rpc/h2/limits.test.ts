import { CeBrokerError } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { LIMIT_NAMES, resolveLimits } from '../../../src/rpc/h2/limits.js';

function refused(options: object): CeBrokerError {
  try {
    // What a configuration file may hold is not typed.
    resolveLimits(options);
  } catch (thrown) {
    if (thrown instanceof CeBrokerError) return thrown;
    throw thrown;
  }
  throw new Error('it was taken');
}

describe('limits of the h2 engine', () => {
  it('have safe defaults', () => {
    expect(resolveLimits(undefined)).toMatchInlineSnapshot(`
      {
        "continuationsPerSecond": 100,
        "emptyDataPerSecond": 100,
        "ignoredFramesPerSecond": 200,
        "maxArrivingBytes": 268435456,
        "maxConnectionAgeMs": undefined,
        "maxConnectionIdleMs": undefined,
        "maxConnectionsPerAddress": 10000,
        "maxContinuationFrames": 8,
        "maxHeaderFields": 128,
        "maxHeaderListBytes": 32768,
        "maxInflatingMessages": 64,
        "maxStreamsPerConnection": 10000,
        "maxUnreadBytes": 268435456,
        "maxUnreadBytesPerConnection": 4194304,
        "minClientPingIntervalMs": 5000,
        "pingsPerSecond": 100,
        "prefaceTimeoutMs": 10000,
        "provokedResetsPerSecond": 100,
        "requestIdleMs": 10000,
        "requestTimeoutMs": 60000,
        "resetsPerSecond": 200,
        "settingsPerSecond": 10,
        "settingsTimeoutMs": 10000,
        "windowUpdatesPerSecond": 500,
      }
    `);
  });

  it('keep what is given, and the defaults of the others', () => {
    const limits = resolveLimits({
      pingsPerSecond: 7,
      maxConnectionAgeMs: 60_000,
      maxHeaderFields: undefined,
    });
    expect(limits).toEqual({ ...resolveLimits(undefined), pingsPerSecond: 7, maxConnectionAgeMs: 60_000 });
    expect(Object.isFrozen(limits)).toBe(true);
  });

  it.each(LIMIT_NAMES)(
    '%s: what is no whole number in its bounds is refused, and its field named',
    (name) => {
      for (const value of [-1, 1.5, Number.NaN, 2 ** 60, '5', null, {}]) {
        const { code, field, message } = refused({ [name]: value });
        expect(code).toBe('invalid_option');
        expect(field).toBe(`http2.${name}`);
        expect(message).toContain('it must be a whole number from');
      }
    },
  );

  it('refuse a name that there is not', () => {
    const error = refused({ pingPerSecond: 1 });
    expect(error.field).toBe('http2.pingPerSecond');
    expect(error.message).toContain('pingsPerSecond');
    expect(refused({ toString: 1 }).field).toBe('http2.toString');
  });

  it.each([[[]], ['fast'], [7], [null]])('refuse what is no object: %j', (options) => {
    expect(() => resolveLimits(options as never)).toThrow('http2 must be an object');
  });
});
