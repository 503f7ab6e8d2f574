import { describe, expect, it } from 'vitest';
import { type Kept, type Slab, Slabs, viewOf } from '../../src/state/slabs.js';

interface Entry extends Kept {
  readonly bytes: Buffer;
}

const entry = (bytes: Buffer): Entry => ({
  slab: undefined,
  start: 0,
  released: false,
  size: bytes.length,
  bytes,
});
const read = (kept: Kept): Buffer => {
  if (kept.slab === undefined) throw new Error('released');
  return Buffer.from(viewOf(kept.slab, kept));
};

describe('slabs', () => {
  it('give back what was put by, after any order of releases', () => {
    const slabs = new Slabs();
    const kept: Entry[] = [];
    let seed = 7;
    const below = (limit: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >>> 8) % limit;
    };
    for (let step = 0; step < 5_000; step++) {
      const bytes = Buffer.alloc(below(3_000), `${step}-`);
      const one = entry(bytes);
      expect(slabs.keep(bytes, one)).toBe(true);
      bytes.fill(0, 0, 0);
      kept.push(one);
      while (kept.length > 200) {
        const [gone] = kept.splice(below(kept.length), 1);
        if (gone !== undefined) slabs.release(gone);
      }
    }
    for (const one of kept) expect(read(one).equals(one.bytes)).toBe(true);
  });

  it('hold no more than four times what is kept, when one of many is left in each', () => {
    const slabs = new Slabs();
    const all = Array.from({ length: 10_000 }, (_, index) => entry(Buffer.alloc(1_000, `${index} `)));
    for (const one of all) slabs.keep(one.bytes, one);
    const left = all.filter((_, index) => index % 50 === 0);
    for (const one of all) if (!left.includes(one)) slabs.release(one);
    const inUse = new Set(left.map(({ slab }) => slab).filter((slab): slab is Slab => slab !== undefined));
    expect(inUse.size * 64).toBeLessThanOrEqual(4 * left.length + 64);
    for (const one of left) expect(read(one).equals(one.bytes)).toBe(true);
  });

  it('are the chunk itself where many come out of one, and give it up when few of them are left', () => {
    const slabs = new Slabs();
    const chunk = Buffer.allocUnsafeSlow(64 * 1024);
    for (let at = 0; at < chunk.length; at++) chunk[at] = (at * 31) & 0xff;
    const all = Array.from({ length: 60 }, (_, index) =>
      entry(chunk.subarray(index * 1_000, (index + 1) * 1_000)),
    );
    for (const one of all) slabs.keep(one.bytes, one);
    expect(all.every(({ slab }) => slab?.buffer.buffer === chunk.buffer)).toBe(true);
    const other = Buffer.allocUnsafeSlow(32 * 1024);
    const next = entry(other.subarray(0, 20_000 / 2));
    slabs.keep(next.bytes, next);
    const left = all.filter((_, index) => index % 6 === 0);
    for (const one of all) if (!left.includes(one)) slabs.release(one);
    expect(left.some(({ slab }) => slab?.buffer.buffer === chunk.buffer)).toBe(false);
    for (const one of left) expect(read(one).equals(one.bytes)).toBe(true);
  });

  it('do not hold a chunk for the little that was kept of it', () => {
    const slabs = new Slabs();
    const chunks = Array.from({ length: 10 }, (_, index) => Buffer.allocUnsafeSlow(40_000).fill(index));
    const kept = chunks.map((chunk) => entry(chunk.subarray(100, 200)));
    for (const one of kept) slabs.keep(one.bytes, one);
    const held = kept.filter(({ slab }, index) => slab?.buffer.buffer === chunks[index]?.buffer);
    expect(held).toEqual(kept.slice(-1));
    for (const one of kept) expect(read(one).equals(one.bytes)).toBe(true);
  });

  it('can be read by whoever still has them when they are released', () => {
    const slabs = new Slabs();
    const one = entry(Buffer.from('shown'));
    slabs.keep(one.bytes, one);
    if (one.slab === undefined) throw new Error('not taken');
    const view = viewOf(one.slab, one);
    slabs.release(one);
    const next = entry(Buffer.from('other'));
    slabs.keep(next.bytes, next);
    expect(Buffer.from(view).toString()).toBe('shown');
  });

  it('do not take what is large', () => {
    expect(new Slabs().keep(Buffer.alloc(20_000), entry(Buffer.alloc(20_000)))).toBe(false);
  });
});
