import { describe, expect, it } from 'vitest';
import { HpackEncoder } from '../../../../src/rpc/h2/hpack/encoder.js';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import { STATIC_ENTRIES, STATIC_TABLE } from '../../../../src/rpc/h2/hpack/static-table.js';
import {
  decode,
  decoder,
  entered,
  hex,
  index,
  integer,
  plain,
  sizeUpdate,
  tableBytes,
  tableOf,
} from './support.js';

describe('RFC 7541 §2.3.1 and Appendix A: the static table', () => {
  it.each([
    [1, ':authority', ''],
    [2, ':method', 'GET'],
    [3, ':method', 'POST'],
    [4, ':path', '/'],
    [7, ':scheme', 'https'],
    [8, ':status', '200'],
    [14, ':status', '500'],
    [15, 'accept-charset', ''],
    [16, 'accept-encoding', 'gzip, deflate'],
    [23, 'authorization', ''],
    [31, 'content-type', ''],
    [58, 'user-agent', ''],
    [61, 'www-authenticate', ''],
  ])('RFC 7541 Appendix A: %d is %s: %s', (position, name, value) => {
    expect(decode(decoder(), index(position))).toEqual([[name, value]]);
  });

  it('RFC 7541 Appendix A: 61 entries, names in order from 15 on', () => {
    expect(STATIC_ENTRIES).toBe(61);
    // `accept` stands after the longer names that begin with it: the one place where the RFC's order is not that of words.
    const names = STATIC_TABLE.slice(14).map(({ name }) => name);
    expect(names.filter((name) => name !== 'accept')).toEqual(
      names.filter((name) => name !== 'accept').toSorted(),
    );
  });

  it('RFC 7541 Appendix A: the encoder finds each entry by its field', () => {
    const encoder = new HpackEncoder(4_096);
    STATIC_TABLE.forEach(({ name, value }, position) => {
      expect(encoder.encode([{ name, value }])).toEqual(index(position + 1));
    });
  });
});

describe('RFC 7541 §2.3.2: the dynamic table', () => {
  it('RFC 7541 §2.3.2: newest first, and duplicates are no error', () => {
    const one = decoder();
    for (const value of ['1', '2', '2', '1']) decode(one, entered('a', value));
    expect(tableOf(one)).toEqual([
      ['a', '1'],
      ['a', '2'],
      ['a', '2'],
      ['a', '1'],
    ]);
  });

  it('RFC 7541 §2.3.2: each connection has its own', () => {
    decode(decoder(), entered('a', '1'));
    expect(tableOf(decoder())).toEqual([]);
  });

  it('RFC 7541 §2.3.3: the static table first, then the dynamic one', () => {
    const one = decoder();
    decode(one, Buffer.concat([entered('a', '1'), entered('b', '2')]));
    expect(decode(one, 'bd be bf')).toEqual([
      ['www-authenticate', ''],
      ['b', '2'],
      ['a', '1'],
    ]);
  });

  it.each([
    ['a field', (i: number) => index(i)],
    ['a name', (i: number) => Buffer.concat([integer(0, 4, i), plain('v')])],
    ['a name to be entered', (i: number) => Buffer.concat([integer(0x40, 6, i), plain('v')])],
    ['a name never indexed', (i: number) => Buffer.concat([integer(0x10, 4, i), plain('v')])],
  ])('RFC 7541 §2.3.3: an index beyond both tables is an error: of %s', (_what, block) => {
    const one = decoder();
    decode(one, entered('a', '1'));
    expect(decode(one, block(62))[0]?.[0]).toBe('a');
    for (const beyond of [64, 65, 200, 2 ** 31 - 1]) {
      expect(() => decode(one, block(beyond))).toThrow(HpackError);
      expect(() => decode(one, block(beyond))).toThrow(/index \d+ of a table of \d+ entries/);
    }
  });

  it('RFC 7541 §3.2: entries come and go in the order of the block', () => {
    const one = decoder();
    // 4096 bytes take 78 entries of 52; each block enters ten and refers to the oldest of them.
    for (let round = 0; round < 50; round++) {
      const names = Array.from({ length: 10 }, (_, i) => `n${String(round * 10 + i).padStart(9, '0')}`);
      const block = Buffer.concat([...names.map((name) => entered(name, 'v'.repeat(10))), index(71)]);
      expect(decode(one, block).at(-1)).toEqual([names[0], 'v'.repeat(10)]);
    }
    expect(tableOf(one)).toHaveLength(78);
    expect(tableOf(one).map(([name]) => Number(name.slice(1)))).toEqual(
      Array.from({ length: 78 }, (_, i) => 499 - i),
    );
  });
});

describe('RFC 7541 §4: how large the table is', () => {
  it('RFC 7541 §4.1: name and value in bytes as decoded, and 32', () => {
    const one = decoder();
    decode(one, sizeUpdate(100));
    // 3 + 65 + 32 = 100 fits; the value takes 41 bytes on the wire (5 bits a character).
    decode(one, Buffer.concat([hex('40'), plain('abc'), integer(0x80, 7, 41), Buffer.alloc(40), hex('07')]));
    expect(tableOf(one)).toEqual([['abc', '0'.repeat(65)]]);
    decode(one, entered('abc', 'x'.repeat(66)));
    expect(tableOf(one)).toEqual([]);
  });

  it('RFC 7541 §4.1: a name that was taken from a table counts as well', () => {
    const one = decoder();
    decode(one, sizeUpdate(44));
    // content-type: 12 + 0 + 32.
    decode(one, Buffer.concat([integer(0x40, 6, 31), plain('')]));
    expect(tableOf(one)).toEqual([['content-type', '']]);
    decode(one, Buffer.concat([integer(0x40, 6, 31), plain('x')]));
    expect(tableOf(one)).toEqual([]);
  });

  it('RFC 7541 §4.3: a smaller size evicts the oldest until the rest fits', () => {
    const one = decoder();
    for (let i = 0; i < 10; i++) decode(one, entered(`${i}`, ''));
    decode(one, sizeUpdate(33 * 4));
    expect(tableOf(one).map(([name]) => name)).toEqual(['9', '8', '7', '6']);
    decode(one, sizeUpdate(33 * 4 - 1));
    expect(tableOf(one).map(([name]) => name)).toEqual(['9', '8', '7']);
    decode(one, sizeUpdate(4_096));
    expect(tableOf(one).map(([name]) => name)).toEqual(['9', '8', '7']);
    decode(one, sizeUpdate(0));
    expect(tableOf(one)).toEqual([]);
    decode(one, entered('a', ''));
    expect(tableOf(one)).toEqual([]);
  });

  it('RFC 7541 §4.4: a new entry evicts the oldest that it has no room beside', () => {
    const one = decoder();
    decode(one, sizeUpdate(100));
    decode(one, Buffer.concat([entered('a', ''), entered('b', ''), entered('c', '')]));
    expect(tableOf(one).map(([name]) => name)).toEqual(['c', 'b', 'a']);
    expect(tableBytes(one)).toBe(99);
    decode(one, entered('dd', ''));
    expect(tableOf(one).map(([name]) => name)).toEqual(['dd', 'c', 'b']);
    decode(one, entered('e', 'x'.repeat(40)));
    expect(tableOf(one)).toEqual([['e', 'x'.repeat(40)]]);
  });

  it('RFC 7541 §4.4: an entry larger than the table empties it and is no error', () => {
    const one = decoder();
    decode(one, entered('a', '1'));
    const large = 'x'.repeat(4_096 - 32);
    expect(decode(one, entered('b', large))).toEqual([['b', large]]);
    expect(tableOf(one)).toEqual([]);
    decode(one, entered('c', large.slice(1)));
    expect(tableOf(one)).toEqual([['c', large.slice(1)]]);
  });

  it('RFC 7541 §4.4: a new entry may take its name from one that it evicts', () => {
    const one = decoder();
    decode(one, sizeUpdate(60));
    decode(one, entered('name', '1'));
    expect(decode(one, Buffer.concat([integer(0x40, 6, 62), plain('v'.repeat(20))]))).toEqual([
      ['name', 'v'.repeat(20)],
    ]);
    expect(tableOf(one)).toEqual([['name', 'v'.repeat(20)]]);
    // Too large for the table: it is empty, and the field has its name all the same.
    expect(decode(one, Buffer.concat([integer(0x40, 6, 62), plain('v'.repeat(30))]))).toEqual([
      ['name', 'v'.repeat(30)],
    ]);
    expect(tableOf(one)).toEqual([]);
  });
});
