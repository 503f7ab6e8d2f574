import { describe, expect, it } from 'vitest';
import { SharedFrames } from '../../../src/rpc/h2/shared-frames.js';
import { SendQueue } from '../../../src/rpc/h2/streams/send-queue.js';
import { filled, framesOf, MAX, messagesOf, sent } from './composed.js';

describe('messages that wait for a window', () => {
  it('leave whole and in order, large and small, however the window opens', async () => {
    const messages = [10, 40_000, 0, 300, 16_384, 5, 100_000, 1].map(filled);
    const queue = new SendQueue(7, 0);
    for (const message of messages) queue.push(message);
    const whole = queue.bytes;
    const connection = { sendWindow: 1_000_000 };
    const bytes = await sent((out) => {
      for (let step = 0; !queue.compose(out, new SharedFrames(), connection, 1); step++) {
        // What waits may be gathered at any time.
        if (step % 3 === 0) queue.settle();
        queue.window += 1 + ((step * 7_919) % 20_000);
      }
    });
    const frames = framesOf(bytes);
    for (const { payload } of frames) expect(payload.length).toBeLessThanOrEqual(MAX);
    expect(messagesOf(frames)).toEqual(messages);
    expect(queue.bytes).toBe(0);
    expect(connection.sendWindow).toBe(1_000_000 - whole);
  });

  it('are not copied for each stream when they are large and have their buffer to themselves', async () => {
    const list = Buffer.allocUnsafeSlow(1024 * 1024).fill(7);
    const before = process.memoryUsage().arrayBuffers;
    const queues = Array.from({ length: 100 }, () => new SendQueue(1_000, 0));
    await sent((out) => {
      for (const queue of queues) {
        queue.push(list);
        expect(queue.compose(out, new SharedFrames(), { sendWindow: 1_000_000 }, 1)).toBe(false);
      }
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * list.length);
    expect(queues.every(({ bytes }) => bytes === list.length + 5 - 1_000)).toBe(true);
  });

  it('are copied when they are small parts of something large', async () => {
    const chunk = Buffer.allocUnsafeSlow(64 * 1024).fill(9);
    const queue = new SendQueue(0, 0);
    for (let at = 0; at < 20; at++) queue.push(chunk.subarray(at * 500, (at + 1) * 500));
    queue.settle();
    // Nobody writes into a chunk: here it shows who still looks at it.
    chunk.fill(1);
    queue.window = 100_000;
    const bytes = await sent((out) => {
      expect(queue.compose(out, new SharedFrames(), { sendWindow: 100_000 }, 1)).toBe(true);
    });
    expect(messagesOf(framesOf(bytes))).toEqual(Array.from({ length: 20 }, () => Buffer.alloc(500, 9)));
  });
});
