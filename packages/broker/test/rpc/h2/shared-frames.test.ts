import { describe, expect, it } from 'vitest';
import { SharedFrames } from '../../../src/rpc/h2/shared-frames.js';
import { filled, framesOf, MAX, messagesOf, sent, total } from './composed.js';

describe('frames that streams share', () => {
  const sizes: readonly (readonly number[])[] = [
    [0],
    [1_400],
    Array.from({ length: 40 }, () => 1_400),
    [MAX - 5],
    [MAX - 4],
    [MAX],
    [10, MAX - 5, 10],
    [10, 3 * MAX, 10, 10],
    [5 * MAX + 1, 1, 4 * MAX - 5, 0, 7],
    [16_370, 9, 20_000, 16_379, 16_380, 1],
  ];

  it.each(sizes.map((lengths) => [lengths.slice(0, 6).join(' '), lengths] as const))(
    'carry messages of %s bytes whole, within the largest frame, to the first, the second and a third stream',
    async (_name, lengths) => {
      const batch = lengths.map((length, index) => filled(length, index));
      const shared = new SharedFrames();
      const bytes = await sent((out) => {
        shared.compose(out, batch, total(batch), 0, 1);
        shared.compose(out, [...batch], total(batch), 0, 1);
        shared.compose(out, [...batch], total(batch), 0, 5);
      });
      const frames = framesOf(bytes);
      for (const { payload } of frames) expect(payload.length).toBeLessThanOrEqual(MAX);
      const first = frames.length / 3;
      expect(frames.map(({ streamId }) => streamId)).toEqual([
        ...Array.from({ length: first * 2 }, () => 1),
        ...Array.from({ length: first }, () => 5),
      ]);
      const messages = messagesOf(frames);
      expect(messages).toHaveLength(batch.length * 3);
      for (const [index, message] of messages.entries()) {
        expect(message.equals(batch[index % batch.length] ?? Buffer.alloc(0))).toBe(true);
      }
    },
  );

  it('are not mixed up when batches of the same length differ', async () => {
    const shared = new SharedFrames();
    const one = [filled(100, 1), filled(100, 2)];
    const other = [filled(100, 1), filled(100, 3)];
    const bytes = await sent((out) => {
      for (const batch of [one, other, one]) shared.compose(out, batch, total(batch), 0, 1);
    });
    const messages = messagesOf(framesOf(bytes));
    expect(messages.map((message) => message[0])).toEqual([1, 2, 1, 3, 1, 2]);
  });

  it('survive that the scratch buffer of the composer runs full', async () => {
    const batch = Array.from({ length: 30 }, (_, index) => filled(1_400, index));
    const bytes = await sent((out) => {
      for (let n = 0; n < 20; n++) new SharedFrames().compose(out, batch, total(batch), 0, 1);
    }, 5);
    expect(messagesOf(framesOf(bytes))).toHaveLength(30 * 20 * 5);
  });
});
