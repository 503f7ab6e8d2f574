import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HeartbeatWatch } from '../../src/base/heartbeat-watch.js';

let lost: number[];
const silent = (ms: number) => void lost.push(ms);

beforeEach(() => {
  lost = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function pass(ms: number, everyMs = ms, run: () => void = () => undefined): void {
  for (let gone = 0; gone < ms; gone += everyMs) {
    vi.advanceTimersByTime(everyMs);
    run();
  }
}

describe('with a timeout of the caller', () => {
  test('a stream that never shows life is lost after it', () => {
    const watch = new HeartbeatWatch(1_000, silent);
    pass(999);
    expect(lost).toEqual([]);
    pass(1);
    expect(lost).toEqual([1_000]);
    pass(10_000);
    expect(lost).toEqual([1_000]);
    watch.stop();
  });

  test('heartbeats and events both keep it', () => {
    const watch = new HeartbeatWatch(1_000, silent);
    pass(20_000, 900, () => watch.heartbeat());
    pass(20_000, 900, () => watch.event());
    expect(lost).toEqual([]);
    pass(1_000);
    expect(lost).toEqual([1_000]);
  });

  test('a pause of its own is no silence', () => {
    const watch = new HeartbeatWatch(1_000, silent);
    watch.pause();
    pass(60_000);
    watch.resume();
    pass(999);
    expect(lost).toEqual([]);
    pass(1_000);
    expect(lost).toEqual([1_000]);
  });
});

describe('without one', () => {
  test('a server that sends no heartbeats is never given up, nor is one that sent a single one', () => {
    const watch = new HeartbeatWatch(undefined, silent);
    pass(3_600_000);
    watch.heartbeat();
    pass(3_600_000);
    expect(lost).toEqual([]);
    watch.stop();
  });

  test('three times the longest gap is the limit, and 20 s the least', () => {
    const watch = new HeartbeatWatch(undefined, silent);
    pass(50_000, 10_000, () => watch.heartbeat());
    pass(29_999);
    expect(lost).toEqual([]);
    pass(1);
    expect(lost).toEqual([30_000]);

    const quick = new HeartbeatWatch(undefined, silent);
    pass(1_000, 100, () => quick.heartbeat());
    pass(19_999);
    expect(lost).toHaveLength(1);
    pass(1);
    expect(lost).toEqual([30_000, 20_000]);
  });

  test('a server that slows down is given more time', () => {
    const watch = new HeartbeatWatch(undefined, silent);
    pass(50_000, 10_000, () => watch.heartbeat());
    pass(25_000, 25_000, () => watch.heartbeat());
    pass(74_999);
    expect(lost).toEqual([]);
    pass(1);
    expect(lost).toEqual([75_000]);
  });

  test('a pause does not count as a gap', () => {
    const watch = new HeartbeatWatch(undefined, silent);
    pass(50_000, 10_000, () => watch.heartbeat());
    watch.pause();
    pass(600_000);
    watch.resume();
    watch.heartbeat();
    pass(10_000, 10_000, () => watch.heartbeat());
    pass(30_000);
    expect(lost).toEqual([30_000]);
  });

  test('stopped, it holds no timer', () => {
    const watch = new HeartbeatWatch(undefined, silent);
    pass(50_000, 10_000, () => watch.heartbeat());
    expect(vi.getTimerCount()).toBe(1);
    watch.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
