import { describe, expect, it } from 'vitest';
import { RecentBytes } from '../../src/store/recent-bytes.js';

const KIB = new Uint8Array(1024);

describe('the bytes of events that are kept in memory', () => {
  it('leave nothing behind when they are deleted, however many come and go below the bound', () => {
    const recent = new RecentBytes(64 * 1024);
    recent.add(1, KIB);
    for (let position = 2; position < 100_000; position++) {
      recent.add(position, KIB);
      recent.delete(position);
      recent.trim(position);
    }
    expect(recent.get(1)).toBe(KIB);
    expect(recent.taken).toBeLessThan(3_000);
  });

  it('keep the newest, up to the bound, and what is not committed', () => {
    const recent = new RecentBytes(10 * 1024);
    for (let position = 1; position <= 5_000; position++) {
      recent.add(position, KIB);
      recent.trim(Math.min(position, 4_980));
    }
    const kept = Array.from({ length: 5_000 }, (_, index) => index + 1).filter((at) => recent.get(at));
    expect(kept).toEqual(Array.from({ length: 20 }, (_, index) => 4_981 + index));
    recent.trim(5_000);
    expect(recent.get(4_990)).toBeUndefined();
    expect(recent.get(4_991)).toBe(KIB);
  });

  it('keep what is read again and again', () => {
    const recent = new RecentBytes(4 * 1024);
    for (let turn = 0; turn < 20_000; turn++) {
      recent.add(1, KIB);
      recent.trim(1);
    }
    expect(recent.get(1)).toBe(KIB);
    expect(recent.taken).toBeLessThan(3_000);
  });
});
