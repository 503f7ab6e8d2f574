import { CeBrokerError } from 'ce-broker-proto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CONSOLE_LOGGER } from '../../src/base/console-logger.js';

describe('the logger of clients without one', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** What is written on stderr. */
  function written(level: 'warn' | 'error', fields: object, message: string): string[] {
    const lines: string[] = [];
    vi.spyOn(console, level).mockImplementation((text: string) => void lines.push(...text.split('\n')));
    CONSOLE_LOGGER[level](fields, message);
    return lines;
  }

  function brokenHandler(): never {
    throw new TypeError('boom');
  }

  function thrown(): unknown {
    try {
      return brokenHandler();
    } catch (error) {
      return error;
    }
  }

  test('an error shows where it was thrown, and its message once', () => {
    const err = CeBrokerError.from(thrown());
    const [line, first, ...more] = written(
      'error',
      { client: 'source hub', resourceId: 'a', resourceVersion: undefined, err },
      'a handler failed: boom',
    );
    expect(line).toBe(
      'ce-broker-client: a handler failed: boom client=source hub resourceId=a err=TypeError',
    );
    expect(first).toMatch(/^ {4}at brokenHandler .*console-logger\.test\.ts/);
    expect(more.every((each) => each.startsWith('    at '))).toBe(true);
  });

  test('an error that the line does not tell is told', () => {
    const [line, first] = written('error', { err: new Error('no database') }, 'it failed');
    expect(line).toBe('ce-broker-client: it failed err=no database');
    expect(first).toMatch(/^ {4}at /);
  });

  test('an error with a reason of its own shows where it was thrown itself', () => {
    function save(): Error {
      return new Error('not saved', { cause: thrown() });
    }
    const [line, first] = written(
      'error',
      { err: CeBrokerError.from(save()) },
      'a handler failed: not saved',
    );
    expect(line).toBe('ce-broker-client: a handler failed: not saved');
    expect(first).toMatch(/^ {4}at save /);
  });

  test('what is thrown without being an error has no stack', () => {
    expect(written('error', { err: CeBrokerError.from('boom') }, 'a handler failed: boom')).toEqual([
      'ce-broker-client: a handler failed: boom',
    ]);
  });

  test('a warning is one line', () => {
    expect(written('warn', { err: new Error('away'), retryInMs: 3 }, 'the server is gone')).toEqual([
      'ce-broker-client: the server is gone err=away retryInMs=3',
    ]);
  });
});
