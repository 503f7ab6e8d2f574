import { describe, expect, it } from 'vitest';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import {
  coded,
  decode,
  decodeBlock,
  decoder,
  entered,
  fieldsOf,
  hex,
  index,
  literal,
  plain,
  tableOf,
} from './support.js';

/** A Huffman-coded string of `count` zeros, five bits each. */
function zeros(count: number): Buffer {
  expect(count % 8).toBe(0);
  return coded(Buffer.alloc((count / 8) * 5));
}

describe('limits of a header list (RFC 7541 §7.3, RFC 9113 §6.5.2)', () => {
  it('RFC 7541 §7.3: a list of exactly maxListBytes is whole, one byte more is over the limit', () => {
    const one = decoder({ maxListBytes: 100 });
    const whole = decodeBlock(one, Buffer.concat([literal('a', ''), literal('b', 'x'.repeat(34))]));
    expect([whole.size, whole.overLimit, whole.names]).toEqual([100, false, ['a', 'b']]);
    const over = decodeBlock(one, Buffer.concat([literal('a', ''), literal('b', 'x'.repeat(35))]));
    expect([over.size, over.overLimit, fieldsOf(over)]).toEqual([101, true, [['a', '']]]);
  });

  it('RFC 7541 §7.3: maxFields fields are whole, one more is over the limit', () => {
    const one = decoder({ maxFields: 3 });
    expect(decodeBlock(one, hex('82 82 82')).overLimit).toBe(false);
    const over = decodeBlock(one, hex('82 82 82 82'));
    expect([over.overLimit, over.names.length, over.size]).toEqual([true, 3, 4 * 42]);
  });

  it('RFC 7541 §7.3: fields beyond the limit are dropped, also such as would fit again', () => {
    const one = decoder({ maxListBytes: 100 });
    const block = decodeBlock(one, Buffer.concat([literal('a', 'x'.repeat(100)), literal('b', '')]));
    expect([block.overLimit, block.names]).toEqual([true, []]);
  });

  it('RFC 7541 §7.3: beyond the limit the table is kept right: entries, evictions, names from the table', () => {
    const rest = [
      ...Array.from({ length: 200 }, (_, i) => entered(`name-${i}`, `value of ${i}`)),
      Buffer.concat([hex('7e'), plain('renamed')]),
      Buffer.concat([hex('40'), zeros(8), zeros(16)]),
    ];
    const limited = decoder({ maxListBytes: 1_000 });
    const free = decoder({ maxListBytes: 1e6, maxFields: 1e6 });
    const block = Buffer.concat(rest);
    expect(decodeBlock(limited, block).overLimit).toBe(true);
    expect(decodeBlock(free, block).overLimit).toBe(false);
    expect(tableOf(limited)).toEqual(tableOf(free));
    expect(tableOf(limited).slice(0, 2)).toEqual([
      ['00000000', '0'.repeat(16)],
      ['name-199', 'renamed'],
    ]);
  });

  it('RFC 7541 §7.3: beyond the limit errors are errors all the same', () => {
    const many = Buffer.alloc(200, 0x82);
    for (const bad of [
      hex('80'),
      hex('fe'),
      hex('00 01 61 81 00'),
      hex('00 81 ff 00'),
      hex('00 05 61'),
      hex('3f 00'),
    ]) {
      expect(() => decode(decoder(), Buffer.concat([many, bad]))).toThrow(HpackError);
    }
  });

  it('RFC 7541 §7.4: a string longer than any limit is not built: the list is over its limit, the table empty', () => {
    const long = 100_000;
    for (const value of [plain('0'.repeat(long)), zeros(long)]) {
      const one = decoder();
      decode(one, entered('a', '1'));
      const block = decodeBlock(one, Buffer.concat([hex('00'), plain('b'), value, hex('82')]));
      expect([block.overLimit, block.size, block.names]).toEqual([true, 1 + long + 32 + 42, []]);
      expect(tableOf(one)).toEqual([['a', '1']]);
      const other = decodeBlock(one, Buffer.concat([hex('40'), plain('b'), value]));
      expect([other.overLimit, other.size, other.names]).toEqual([true, 1 + long + 32, []]);
      expect(tableOf(one)).toEqual([]);
      const name = decodeBlock(one, Buffer.concat([hex('40'), value, plain('v')]));
      expect([name.overLimit, name.size]).toEqual([true, 1 + long + 32]);
    }
  });

  it('RFC 7541 §7.4: strings as long as the list may be, Huffman-coded or not', () => {
    const length = 32_768 - 33 - 7;
    const text = '0'.repeat(length - (length % 8));
    for (const value of [plain(text), zeros(text.length)]) {
      const block = decodeBlock(decoder(), Buffer.concat([hex('00'), plain('b'), value]));
      expect(block.overLimit).toBe(false);
      expect(block.get('b')).toBe(text);
    }
  });

  it('RFC 7541 §7.3: thousands of references to a large entry cost no memory', () => {
    const one = decoder();
    decode(one, entered('bomb', 'x'.repeat(4_000)));
    const bomb = Buffer.alloc(60_000, 0xbe);
    const before = process.memoryUsage();
    const block = decodeBlock(one, bomb);
    const after = process.memoryUsage();
    expect(block.overLimit).toBe(true);
    expect(block.size).toBe(60_000 * (4 + 4_000 + 32));
    // Eight of them are within 32 KiB; they are one and the same string.
    expect(block.names).toHaveLength(8);
    // 240 MB unpacked. The chunk of 60 kB itself is copied by the test.
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(4e6);
    expect(decode(one, index(62))[0]?.[0]).toBe('bomb');
  });
});
