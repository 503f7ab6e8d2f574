import { describe, expect, it } from 'vitest';
import { StoredAt } from '../../src/state/stored.js';
import { RecentBytes } from '../../src/store/recent-bytes.js';

const KIB = new Uint8Array(1024);
const at = (position: number): StoredAt => new StoredAt(position, KIB.byteLength);

describe('the bytes of events that are kept in memory', () => {
  it('leave nothing behind when they are let go, however many come and go below the bound', () => {
    const recent = new RecentBytes(64 * 1024);
    const first = at(1);
    recent.add(first, KIB);
    for (let position = 2; position < 100_000; position++) {
      const stored = at(position);
      recent.add(stored, KIB);
      recent.letGo(stored);
      recent.trim(position);
    }
    expect(first.bytes).toBe(KIB);
    expect(recent.taken).toBeLessThan(3_000);
  });

  it('keep the newest, up to the bound, and what is not committed', () => {
    const recent = new RecentBytes(10 * 1024);
    const all = Array.from({ length: 5_000 }, (_, index) => at(index + 1));
    for (const stored of all) {
      recent.add(stored, KIB);
      recent.trim(Math.min(stored.position, 4_980));
    }
    const kept = all.filter(({ bytes }) => bytes !== undefined).map(({ position }) => position);
    expect(kept).toEqual(Array.from({ length: 20 }, (_, index) => 4_981 + index));
    recent.trim(5_000);
    expect(all[4_989]?.bytes).toBeUndefined();
    expect(all[4_990]?.bytes).toBe(KIB);
  });

  it('keep what is read again and again', () => {
    const recent = new RecentBytes(4 * 1024);
    const stored = at(1);
    for (let turn = 0; turn < 20_000; turn++) {
      recent.add(stored, KIB);
      recent.trim(1);
    }
    expect(stored.bytes).toBe(KIB);
    expect(recent.taken).toBeLessThan(3_000);
  });

  it('stay bounded when many are read, let go and read again', () => {
    const recent = new RecentBytes(10 * 1024);
    const all = Array.from({ length: 200 }, (_, index) => at(index + 1));
    for (let turn = 0; turn < 500; turn++)
      for (const stored of all) {
        recent.add(stored, KIB);
        recent.trim(1_000);
      }
    expect(all.filter(({ bytes }) => bytes !== undefined).length).toBe(10);
    expect(recent.taken).toBeLessThan(3_000);
  });
});
