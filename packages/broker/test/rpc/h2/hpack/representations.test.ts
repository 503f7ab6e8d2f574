import { describe, expect, it } from 'vitest';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import {
  decode,
  decodeBlock,
  decoder,
  entered,
  hex,
  index,
  literal,
  neverIndexed,
  plain,
  sizeUpdate,
  tableOf,
} from './support.js';

describe('RFC 7541 §2 and §3: header blocks', () => {
  it('RFC 7541 §2.1: the order of fields is kept, and fields may repeat', () => {
    const block = Buffer.concat([
      literal('b', '1'),
      hex('82'),
      entered('a', '2'),
      literal('b', '3'),
      index(62),
    ]);
    expect(decode(decoder(), block)).toEqual([
      ['b', '1'],
      [':method', 'GET'],
      ['a', '2'],
      ['b', '3'],
      ['a', '2'],
    ]);
  });

  it('RFC 7541 §3.1: an empty block is an empty list', () => {
    expect(decode(decoder(), '')).toEqual([]);
  });

  it('RFC 7541 §3.1: blocks are decoded one after the other, each with what those before it left', () => {
    const one = decoder();
    decode(one, entered('a', '1'));
    expect(decode(one, index(62))).toEqual([['a', '1']]);
    decode(one, entered('b', '2'));
    expect(decode(one, index(62))).toEqual([['b', '2']]);
    expect(decode(one, index(63))).toEqual([['a', '1']]);
  });

  it('gives the first value of a name, the size by RFC 9113 §6.5.2, and any bytes as characters', () => {
    const block = decodeBlock(
      decoder(),
      Buffer.concat([literal('a', '\xff\0'), literal('a', '2'), hex('82')]),
    );
    expect(block.get('a')).toBe('\xff\0');
    expect(block.get(':method')).toBe('GET');
    expect(block.get('b')).toBeUndefined();
    expect(block.size).toBe(1 + 2 + 32 + (1 + 1 + 32) + (7 + 3 + 32));
    expect(block.overLimit).toBe(false);
    expect(block.meaning).toBeUndefined();
  });

  it('takes bytes that are no Buffer', () => {
    const bytes = new Uint8Array(
      Buffer.concat([hex('ff'), literal('a-long-name', 'a value of some length'), hex('ff')]),
    );
    const block = decoder().decode(bytes.subarray(1), 0, bytes.length - 2);
    expect(block.get('a-long-name')).toBe('a value of some length');
  });
});

describe('RFC 7541 §6: representations', () => {
  it('RFC 7541 §6.1: indexed fields, which change nothing', () => {
    const one = decoder();
    expect(decode(one, '82 86 84')).toEqual([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
    ]);
    expect(tableOf(one)).toEqual([]);
  });

  it('RFC 7541 §6.1: index 0 is an error', () => {
    expect(() => decode(decoder(), '80')).toThrow(HpackError);
    expect(() => decode(decoder(), '82 80 82')).toThrow(/index 0 /);
  });

  it.each([
    ['an indexed name', `44 02 2f 61`, [[':path', '/a']]],
    ['a new name', `40 01 61 01 62`, [['a', 'b']]],
  ])('RFC 7541 §6.2.1: literal with indexing: %s', (_what, block, fields) => {
    const one = decoder();
    expect(decode(one, block)).toEqual(fields);
    expect(tableOf(one)).toEqual(fields);
  });

  it.each([
    ['§6.2.2: literal without indexing: an indexed name', `04 02 2f 61`, [[':path', '/a']]],
    ['§6.2.2: literal without indexing: an indexed name beyond the prefix', `0f 06 01 61`, [['age', 'a']]],
    ['§6.2.2: literal without indexing: a new name', `00 01 61 01 62`, [['a', 'b']]],
    ['§6.2.3: literal never indexed: an indexed name', `14 02 2f 61`, [[':path', '/a']]],
    [
      '§6.2.3: literal never indexed: an indexed name beyond the prefix',
      `1f 08 01 61`,
      [['authorization', 'a']],
    ],
    ['§6.2.3: literal never indexed: a new name', `10 01 61 01 62`, [['a', 'b']]],
  ])('RFC 7541 %s', (_what, block, fields) => {
    const one = decoder();
    expect(decode(one, block)).toEqual(fields);
    expect(tableOf(one)).toEqual([]);
  });

  it('RFC 7541 §6.2: a name from the dynamic table', () => {
    const one = decoder();
    decode(one, entered('name', '1'));
    const value = plain('2');
    expect(decode(one, Buffer.concat([hex('0f 2f'), value]))).toEqual([['name', '2']]);
    expect(decode(one, Buffer.concat([hex('1f 2f'), value]))).toEqual([['name', '2']]);
    expect(tableOf(one)).toEqual([['name', '1']]);
    expect(decode(one, Buffer.concat([hex('7e'), value]))).toEqual([['name', '2']]);
    expect(tableOf(one)).toEqual([
      ['name', '2'],
      ['name', '1'],
    ]);
  });
});

describe('RFC 7541 §4.2 and §6.3: size updates', () => {
  it('RFC 7541 §4.2: before the first field of a block', () => {
    const one = decoder();
    expect(decode(one, Buffer.concat([sizeUpdate(0), hex('82')]))).toEqual([[':method', 'GET']]);
    expect(decode(one, sizeUpdate(4_096))).toEqual([]);
  });

  it('RFC 7541 §4.2: two of them, the smallest size and the last', () => {
    const one = decoder();
    decode(one, entered('a', '1'));
    decode(one, Buffer.concat([sizeUpdate(0), sizeUpdate(4_096), entered('b', '2')]));
    expect(tableOf(one)).toEqual([['b', '2']]);
  });

  it('RFC 7541 §4.2: more than two are an error', () => {
    expect(() => decode(decoder(), Buffer.concat([sizeUpdate(0), sizeUpdate(10), sizeUpdate(20)]))).toThrow(
      /more than two table size updates/,
    );
  });

  it.each([
    ['an indexed field', hex('82')],
    ['a field that is entered', entered('a', '1')],
    ['a literal field', literal('a', '1')],
    ['a field that is never indexed', neverIndexed('a', '1')],
  ])('RFC 7541 §4.2: after %s it is an error', (_what, field) => {
    const block = Buffer.concat([field, sizeUpdate(10)]);
    expect(() => decode(decoder(), block)).toThrow(HpackError);
    expect(() => decode(decoder(), block)).toThrow(/not at the start of its header block/);
  });

  it('RFC 7541 §6.3: above our setting it is an error', () => {
    decode(decoder(), sizeUpdate(4_096));
    expect(() => decode(decoder(), sizeUpdate(4_097))).toThrow(
      /a table size update to 4097 bytes, of at most 4096/,
    );
    expect(() => decode(decoder(), sizeUpdate(2 ** 31 - 1))).toThrow(HpackError);
    const larger = decoder({ maxTableBytes: 10_000 });
    decode(larger, sizeUpdate(10_000));
    expect(() => decode(larger, sizeUpdate(10_001))).toThrow(/of at most 10000/);
  });

  it('RFC 7541 §6.3: a larger setting holds from the size update on, not before', () => {
    const one = decoder({ maxTableBytes: 10_000 });
    const long = 'x'.repeat(3_000);
    decode(one, Buffer.concat([entered('a', long), entered('b', long)]));
    expect(tableOf(one).map(([name]) => name)).toEqual(['b']);
    decode(one, Buffer.concat([sizeUpdate(10_000), entered('c', long), entered('d', long)]));
    expect(tableOf(one).map(([name]) => name)).toEqual(['d', 'c', 'b']);
  });

  it('RFC 7541 §4.2: a smaller setting holds once it is acknowledged', () => {
    const one = decoder({ maxTableBytes: 100 });
    decode(one, Buffer.concat([entered('a', ''), entered('b', ''), entered('c', ''), entered('d', '')]));
    decode(one, sizeUpdate(4_096));
    one.settingsAcknowledged();
    decode(one, Buffer.concat([sizeUpdate(99), hex('82')]));
    expect(tableOf(one).map(([name]) => name)).toEqual(['d', 'c', 'b']);
    expect(() => decode(one, sizeUpdate(101))).toThrow(/of at most 100/);
  });

  it('RFC 7541 §4.2: a block after the acknowledgement without the size update that is due is an error', () => {
    const one = decoder({ maxTableBytes: 100 });
    const block = hex('82');
    // Also for a block that is in the cache.
    decode(one, block);
    one.settingsAcknowledged();
    expect(() => decode(one, block)).toThrow(/without the table size update that is due/);
    const other = decoder({ maxTableBytes: 100 });
    decode(other, sizeUpdate(100));
    other.settingsAcknowledged();
    expect(decode(other, block)).toEqual([[':method', 'GET']]);
  });
});
