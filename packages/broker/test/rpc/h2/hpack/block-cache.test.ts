import { describe, expect, it } from 'vitest';
import { MAX_CACHED_BLOCK_BYTES, MAX_CACHED_BLOCKS } from '../../../../src/rpc/h2/hpack/block-cache.js';
import {
  decode,
  decodeBlock,
  decoder,
  entered,
  hex,
  index,
  literal,
  neverIndexed,
  sizeUpdate,
} from './support.js';

describe('blocks seen before', () => {
  it('the same bytes are the same object, wherever they stand in a chunk', () => {
    const one = decoder();
    const block = Buffer.concat([hex('83 86'), literal('a', '1')]);
    const first = decodeBlock(one, block);
    first.meaning = 'a call';
    expect(decodeBlock(one, block)).toBe(first);
    expect(one.decode(block, 0, block.length)).toBe(first);
    const twice = Buffer.concat([block, block]);
    expect(one.decode(twice, block.length, twice.length)).toBe(first);
    expect(first.meaning).toBe('a call');
  });

  it('of any length, and whichever byte differs', () => {
    for (const length of [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 79, 80, 81, 200, 511, 512]) {
      const one = decoder({ maxFields: 1_000, maxListBytes: 1e6 });
      const block = Buffer.alloc(length, 0x82);
      const known = decodeBlock(one, block);
      expect(decodeBlock(one, block)).toBe(known);
      for (let at = 0; at < length; at++) {
        const other = Buffer.from(block);
        other[at] = 0x83;
        const found = decodeBlock(one, other);
        expect(found.values[at]).toBe('POST');
        expect(found.values.filter((value) => value === 'POST')).toHaveLength(1);
      }
      expect(decodeBlock(one, block.subarray(1)).names).toHaveLength(length - 1);
      expect(decodeBlock(one, Buffer.concat([block, hex('82')])).names).toHaveLength(length + 1);
    }
  });

  it('the chunk may change afterwards: bytes are copied', () => {
    const one = decoder();
    const chunk = Buffer.from(literal('a', '1'));
    const first = one.decode(chunk, 0, chunk.length);
    chunk[chunk.length - 1] = 0x32;
    const second = one.decode(chunk, 0, chunk.length);
    expect([first.get('a'), second.get('a')]).toEqual(['1', '2']);
    chunk[chunk.length - 1] = 0x31;
    expect(one.decode(chunk, 0, chunk.length)).toBe(first);
  });

  it('several in turn', () => {
    const one = decoder();
    const blocks = Array.from({ length: MAX_CACHED_BLOCKS }, (_, i) => literal('name', `value ${i}`));
    const known = blocks.map((block) => decodeBlock(one, block));
    for (let round = 0; round < 3; round++) {
      blocks.forEach((block, i) => {
        expect(decodeBlock(one, block)).toBe(known[i]);
      });
    }
  });

  it('is bounded: the one kept longest goes, blocks that are long are not kept', () => {
    const one = decoder();
    const blocks = Array.from({ length: MAX_CACHED_BLOCKS + 1 }, (_, i) => literal('name', `value ${i}`));
    const known = blocks.map((block) => decodeBlock(one, block));
    blocks.forEach((block, i) => {
      if (i > 0) expect(decodeBlock(one, block)).toBe(known[i]);
    });
    expect(decodeBlock(one, blocks[0] ?? hex(''))).not.toBe(known[0]);
    const longest = literal('a', 'x'.repeat(MAX_CACHED_BLOCK_BYTES - 6));
    expect(longest).toHaveLength(MAX_CACHED_BLOCK_BYTES);
    expect(decodeBlock(one, longest)).toBe(decodeBlock(one, longest));
    const longer = literal('a', 'x'.repeat(MAX_CACHED_BLOCK_BYTES - 5));
    expect(decodeBlock(one, longer)).not.toBe(decodeBlock(one, longer));
  });

  it('a block that changes the table is decoded each time', () => {
    const one = decoder();
    const block = entered('a', '1');
    expect(decodeBlock(one, block)).not.toBe(decodeBlock(one, block));
    expect(decode(one, 'bf')).toEqual([['a', '1']]);
    expect(decodeBlock(one, sizeUpdate(4_096))).not.toBe(decodeBlock(one, sizeUpdate(4_096)));
  });

  it.each([
    ['an entry', entered('b', '2'), ['b', '2']],
    ['an entry of the same name', entered('a', '2'), ['a', '2']],
    ['an entry too large for it', entered('c', 'x'.repeat(5_000)), undefined],
    ['a size update', sizeUpdate(0), undefined],
  ])('the same bytes mean something else after the table was changed by %s', (_what, change, field) => {
    const one = decoder();
    decode(one, entered('a', '1'));
    expect(decode(one, index(62))).toEqual([['a', '1']]);
    expect(decode(one, index(62))).toEqual([['a', '1']]);
    decode(one, change);
    if (field === undefined) expect(() => decode(one, index(62))).toThrow(/index 62/);
    else expect(decode(one, index(62))).toEqual([field]);
  });

  it('also after the change was in a block that could not be decoded', () => {
    const one = decoder();
    decode(one, entered('a', '1'));
    expect(decode(one, index(62))).toEqual([['a', '1']]);
    expect(() => decode(one, Buffer.concat([entered('b', '2'), hex('80')]))).toThrow();
    expect(decode(one, index(62))).toEqual([['b', '2']]);
  });

  it('secrets that are never indexed are found again on their own connection only', () => {
    const block = neverIndexed('authorization', 'Bearer secret');
    const one = decoder();
    expect(decodeBlock(one, block)).toBe(decodeBlock(one, block));
    expect(decodeBlock(decoder(), block)).not.toBe(decodeBlock(one, block));
  });

  it('of lists over the limit too', () => {
    const one = decoder({ maxFields: 2 });
    const over = decodeBlock(one, hex('82 82 82'));
    expect(decodeBlock(one, hex('82 82 82'))).toBe(over);
    expect(over.overLimit).toBe(true);
  });
});
