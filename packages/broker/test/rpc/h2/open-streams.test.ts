import { describe, expect, it } from 'vitest';
import { OpenStreams } from '../../../src/rpc/h2/open-streams.js';
import type { H2Stream } from '../../../src/rpc/h2/streams/stream.js';

/** Stands for a stream: only its id is looked at. */
const stream = (id: number) => ({ id }) as unknown as H2Stream;
const idsOf = (streams: OpenStreams) => [...streams].map(({ id }) => id).sort((a, b) => a - b);

describe('the open streams of a connection', () => {
  it('are found by their ids, in whatever order they go', () => {
    const streams = new OpenStreams();
    for (const id of [1, 3, 5]) streams.add(stream(id));
    expect(streams.size).toBe(3);
    expect([1, 3, 5, 7].map((id) => streams.get(id)?.id)).toEqual([1, 3, 5, undefined]);
    streams.delete(5);
    streams.add(stream(7));
    streams.delete(1);
    streams.delete(1);
    expect(idsOf(streams)).toEqual([3, 7]);
    expect(streams.size).toBe(2);
    streams.delete(7);
    streams.delete(3);
    expect(streams.size).toBe(0);
    expect(idsOf(streams)).toEqual([]);
  });

  it('may go while they are looked at', () => {
    const streams = new OpenStreams();
    for (const id of [1, 3, 5, 7]) streams.add(stream(id));
    const seen: number[] = [];
    for (const { id } of streams) {
      seen.push(id);
      if (id === 3) streams.clear();
    }
    expect(seen).toEqual([1, 3]);
    expect(streams.size).toBe(0);
  });
});
