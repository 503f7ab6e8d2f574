import { describe, expect, it } from 'vitest';
import { parseTokenFile, TokenTable } from '../../src/access/token-table.js';

describe('the static token file of Kubernetes', () => {
  it('gives user and groups, and skips blank lines and comments', () => {
    const text = '# who may come in\nabc,alice,1,"admins,agents"\n\n"d,e",bob,2\r\nf,carol,3,solo\n';
    expect(parseTokenFile(text, 'tokens.csv')).toEqual([
      { token: 'abc', user: 'alice', groups: ['admins', 'agents'] },
      { token: 'd,e', user: 'bob', groups: [] },
      { token: 'f', user: 'carol', groups: ['solo'] },
    ]);
  });

  it.each([
    ['abc,alice', /tokens\.csv:1: 2 of at least 3 columns/],
    ['abc,alice,1\n,bob,2', /tokens\.csv:2: the token \(column 1\) is empty/],
    ['abc,,1', /tokens\.csv:1: the user \(column 2\) is empty/],
    ['abc,alice,1,"admins', /tokens\.csv:1: a quote is not closed in column 4/],
    ['abc,alice,1,"a"b', /tokens\.csv:1: text after the closing quote of column 4/],
    ['abc,alice,1\n\nabc,bob,2', /tokens\.csv:3: the token of line 1 again/],
  ])('%j is refused with file and line', (text, message) => {
    expect(() => parseTokenFile(text, 'tokens.csv')).toThrow(
      expect.objectContaining({ code: 'invalid_config', message: expect.stringMatching(message) }),
    );
  });

  it('an error never repeats a token', () => {
    expect(() => parseTokenFile('top-secret,alice', 'f')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('top-secret') }),
    );
  });

  it('only known tokens are found', () => {
    const table = new TokenTable([{ token: 'abc', user: 'alice' }]);
    expect(table.find('abc')).toEqual({ user: 'alice', groups: [] });
    expect(table.find('ab')).toBeUndefined();
    expect(table.find('')).toBeUndefined();
  });
});
