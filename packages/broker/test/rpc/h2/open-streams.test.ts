import fc from 'fast-check';
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

  it('are those that a map would have, whatever comes and goes', () => {
    const step = fc.record({ adds: fc.boolean(), pick: fc.nat(12) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const streams = new OpenStreams();
        const model = new Map<number, H2Stream>();
        let next = 1;
        for (const { adds, pick } of steps) {
          if (adds) {
            const one = stream(next);
            next += 2;
            streams.add(one);
            model.set(one.id, one);
          } else {
            const id = Math.max(1, next - 2 * pick);
            streams.delete(id);
            model.delete(id);
          }
          expect(streams.size).toBe(model.size);
          expect([...streams]).toHaveLength(model.size);
          expect(new Set(streams)).toEqual(new Set(model.values()));
          for (let id = 1; id < next; id += 2) expect(streams.get(id)).toBe(model.get(id));
        }
      }),
      { seed: 20_261_128 },
    );
  });
});
