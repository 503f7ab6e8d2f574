import { describe, expect, it } from 'vitest';
import { HpackEncoder } from '../../../../src/rpc/h2/hpack/encoder.js';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import { decode, decoder, entered, hex, index, integer, literal, sizeUpdate } from './support.js';

describe('RFC 7541 §5.1: integers', () => {
  it('RFC 7541 §5.1: of 1 to 6 bytes, as lengths of strings', () => {
    for (const length of [0, 1, 126, 127, 128, 254, 255, 16_000, 20_000]) {
      expect(decode(decoder(), literal('a', 'x'.repeat(length)))).toEqual([['a', 'x'.repeat(length)]]);
    }
  });

  it('RFC 7541 §5.1: with each of the prefixes, as indices and sizes', () => {
    const one = decoder();
    for (let i = 0; i < 100; i++) decode(one, entered(`n${i}`, ''));
    // Prefixes of 7, 6 and 4 bits, each in and beyond the prefix.
    for (const i of [62, 126, 127, 128, 161]) {
      expect(decode(one, index(i))).toEqual([[`n${161 - i}`, '']]);
      expect(decode(one, Buffer.concat([integer(0, 4, i), hex('01 76')]))).toEqual([[`n${161 - i}`, 'v']]);
      expect(decode(one, Buffer.concat([integer(0x10, 4, i), hex('01 76')]))).toEqual([[`n${161 - i}`, 'v']]);
    }
    expect(decode(one, Buffer.concat([integer(0x40, 6, 62), hex('01 76')]))).toEqual([['n99', 'v']]);
    expect(decode(one, Buffer.concat([integer(0x40, 6, 63), hex('01 77')]))).toEqual([['n99', 'w']]);
    // A prefix of 5 bits.
    for (const size of [0, 30, 31, 32, 158, 159, 4_096]) {
      expect(decode(one, Buffer.concat([sizeUpdate(size), hex('82')]))).toEqual([[':method', 'GET']]);
    }
  });

  it('RFC 7541 §5.1: trailing zero bytes change nothing', () => {
    // 127 + 2 in two, three and five bytes beside the prefix.
    const text = Buffer.alloc(129, 'x');
    for (const length of ['7f 02', '7f 82 00', '7f 82 80 80 80 00']) {
      const block = Buffer.concat([hex('00 01 61'), hex(length), text]);
      expect(decode(decoder(), block)).toEqual([['a', 'x'.repeat(129)]]);
    }
  });

  it.each([
    ['six bytes beside the prefix', 'ff 80 80 80 80 80 00'],
    ['seven bytes beside the prefix, all but the last without value', 'ff 80 80 80 80 80 80 01'],
    ['a value of 2^31 and more', 'ff ff ff ff ff 08'],
    ['a value of 2^35', 'ff ff ff ff ff 7f'],
    ['a value far beyond 2^53', `ff ${'ff '.repeat(20)} 7f`],
    ['an index that is one again modulo 2^32', 'ff 82 ff ff ff 0f'],
  ])('RFC 7541 §5.1: beyond our limit of value or length is an error: %s', (_what, block) => {
    expect(() => decode(decoder(), block)).toThrow(/an integer that is too large or too long/);
  });

  it.each([
    ['an index', 'ff'],
    ['an index, later', 'ff 80 80'],
    ['a name index', '7f'],
    ['a size update', '3f e1'],
    ['the length of a string', '00 7f'],
    ['the length of a value', '00 01 61 7f ff'],
  ])('RFC 7541 §5.1: a block that ends within %s is an error', (_what, block) => {
    expect(() => decode(decoder(), block)).toThrow(HpackError);
    expect(() => decode(decoder(), block)).toThrow(/ends within an integer/);
  });

  it('RFC 7541 §5.1: what the encoder writes is what the RFC writes', () => {
    const encoder = new HpackEncoder(4_096);
    for (const length of [0, 1, 126, 127, 128, 255, 16_511, 2_097_279]) {
      // Characters with long codes, so that no Huffman coding shortens them.
      const value = '\0'.repeat(length);
      const name = Buffer.concat([hex('00'), integer(0, 7, 1), hex('02')]);
      const expected = Buffer.concat([name, integer(0, 7, length), Buffer.from(value)]);
      expect(encoder.encode([{ name: '\x02', value }]).equals(expected)).toBe(true);
    }
  });
});
