import { expect, test } from 'vitest';
import { growingPercent } from '../../src/cli/serve/heap-room.js';

const MIB = 1024 * 1024;

test('a small heap has room for 64 MiB, a large one for a part of its size', () => {
  expect((growingPercent(16 * MIB) / 100) * 16).toBe(64);
  expect((growingPercent(64 * MIB) / 100) * 64).toBe(64);
  expect(growingPercent(2_048 * MIB)).toBe(30);
  expect(growingPercent(0)).toBeGreaterThan(1_000);
});
