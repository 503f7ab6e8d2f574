import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrpcError } from '../../../../src/rpc/h2/grpc/grpc-error.js';
import { MessageReader } from '../../../../src/rpc/h2/grpc/message-reader.js';

const LIMIT = 4 * 1024 * 1024;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;

function prefix(length: number, flag = 0): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

function framed(message: string | Uint8Array, flag = 0): Buffer {
  const bytes = Buffer.from(message);
  return Buffer.concat([prefix(bytes.length, flag), bytes]);
}

function pushAll(reader: MessageReader, bytes: Buffer, step = bytes.length): void {
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes, at, Math.min(at + step, bytes.length));
}

function taken(reader: MessageReader): string[] {
  const messages: string[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next())
    messages.push(Buffer.from(message).toString());
  return messages;
}

function errorOf(reader: MessageReader): GrpcError {
  try {
    reader.next();
  } catch (thrown) {
    if (thrown instanceof GrpcError) return thrown;
    throw thrown;
  }
  throw new Error('next threw nothing');
}

describe('messages out of DATA payloads', () => {
  it('one whole in a payload is a view of it', () => {
    const reader = new MessageReader(LIMIT);
    const chunk = Buffer.concat([Buffer.from('frame head'), framed('hello'), Buffer.from('next frame')]);
    reader.push(chunk, 10, 20);
    const message = reader.next();
    expect(message?.buffer).toBe(chunk.buffer);
    expect(message?.byteOffset).toBe(chunk.byteOffset + 15);
    expect(String(message)).toBe('hello');
    expect(reader.next()).toBeUndefined();
    expect([reader.held, reader.waiting]).toEqual([0, 0]);
  });

  it('an empty one, and none', () => {
    const reader = new MessageReader(LIMIT);
    reader.push(Buffer.alloc(0), 0, 0);
    expect(reader.next()).toBeUndefined();
    pushAll(reader, prefix(0), 1);
    expect(reader.next()).toHaveLength(0);
    expect(reader.next()).toBeUndefined();
  });

  it('several in one payload, and the rest in the next', () => {
    const reader = new MessageReader(LIMIT);
    const bytes = Buffer.concat([framed('a'), framed(''), framed('ccc'), framed('dddd')]);
    reader.push(bytes, 0, bytes.length - 2);
    expect(reader.waiting).toBe(6 + 5 + 8);
    expect(reader.held).toBe(7);
    expect(taken(reader)).toEqual(['a', '', 'ccc']);
    expect(reader.waiting).toBe(0);
    reader.push(bytes, bytes.length - 2, bytes.length);
    expect(reader.held).toBe(0);
    expect(taken(reader)).toEqual(['dddd']);
  });

  it('byte by byte, prefix and all', () => {
    const reader = new MessageReader(LIMIT);
    const bytes = Buffer.concat([framed('first'), framed(''), framed('x'.repeat(3_000))]);
    pushAll(reader, bytes, 1);
    expect(taken(reader)).toEqual(['first', '', 'x'.repeat(3_000)]);
  });

  it('those that nobody takes wait in order, whatever their size', () => {
    const reader = new MessageReader(LIMIT);
    const messages = Array.from({ length: 3_000 }, (_, index) => `${index}`.repeat(1 + (index % 700)));
    for (const message of messages) pushAll(reader, framed(message));
    expect(taken(reader)).toEqual(messages);
    expect(reader.waiting).toBe(0);
  });

  it('those that wait do not hang on the payload, where they are small', () => {
    const reader = new MessageReader(LIMIT);
    const chunk = framed('small');
    reader.push(chunk, 0, chunk.length);
    for (let at = 0; at < 5_000; at++) {
      // The same chunk again, with another text: what waits must be a copy.
      const again = framed(`message ${at}`);
      reader.push(again, 0, again.length);
      again.fill(0);
    }
    const messages = taken(reader);
    expect(messages).toHaveLength(5_001);
    expect(messages[5_000]).toBe('message 4999');
  });

  it('says of each whether it is compressed', () => {
    const reader = new MessageReader(LIMIT);
    pushAll(reader, Buffer.concat([framed('plain'), framed('packed', 1), framed('plain')]), 7);
    const flags: boolean[] = [];
    while (reader.next() !== undefined) flags.push(reader.compressed);
    expect(flags).toEqual([false, true, false]);
  });

  it('4 MiB byte by byte are copied a few times, not millions of times', () => {
    const reader = new MessageReader(LIMIT);
    const bytes = framed(Buffer.alloc(LIMIT, 'abcdefg'));
    pushAll(reader, bytes, 1);
    expect(bytes.subarray(5).equals(reader.next() ?? Buffer.alloc(0))).toBe(true);
  });
});

describe('what a prefix announces', () => {
  it('costs nothing until it comes', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 1_000 }, () => {
      const reader = new MessageReader(LIMIT);
      pushAll(reader, Buffer.concat([prefix(LIMIT), Buffer.alloc(1)]));
      return reader;
    });
    // 4 GiB were announced.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(readers.every((reader) => reader.held === 6)).toBe(true);
  });

  it.each([1, 5, 1_000])('over the limit is RESOURCE_EXHAUSTED before it comes (steps of %d)', (step) => {
    const reader = new MessageReader(1_000);
    pushAll(reader, Buffer.concat([framed('good'), prefix(1_001)]), step);
    expect(String(reader.next())).toBe('good');
    const error = errorOf(reader);
    expect(error.code).toBe(RESOURCE_EXHAUSTED);
    expect(error.message).toContain('1001');
    expect(error.message).toContain('1000');
  });

  it('2^32-1 bytes are over the limit, and no negative number', () => {
    const reader = new MessageReader(LIMIT);
    pushAll(reader, prefix(2 ** 32 - 1));
    expect(errorOf(reader).message).toContain(String(2 ** 32 - 1));
  });

  it('exactly the limit is taken', () => {
    const reader = new MessageReader(1_000);
    pushAll(reader, framed('x'.repeat(1_000)), 300);
    expect(reader.next()).toHaveLength(1_000);
  });

  it.each([2, 128, 255])('flag %d is INTERNAL', (flag) => {
    const reader = new MessageReader(LIMIT);
    pushAll(reader, framed('x', flag));
    expect(errorOf(reader)).toMatchObject({ code: INTERNAL });
  });

  it('after such a prefix nothing more is taken or held', () => {
    const reader = new MessageReader(1_000);
    pushAll(reader, prefix(1_001));
    pushAll(reader, framed('more'));
    expect(errorOf(reader)).toBe(errorOf(reader));
    expect([reader.held, reader.waiting]).toEqual([0, 0]);
  });
});

it('any messages, cut anywhere, taken at any time, are the messages; and every byte is accounted for', () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.nat(5_000).map((size) => Buffer.alloc(size, size)),
  );
  const sent = fc.array(fc.tuple(message, fc.constantFrom(0, 1)), { maxLength: 30 });
  const steps = fc.array(fc.tuple(fc.nat(3_000), fc.nat(3)), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(sent, steps, (messages, cuts) => {
      const bytes = Buffer.concat(messages.map(([body, flag]) => framed(body, flag)));
      const reader = new MessageReader(LIMIT);
      const received: string[] = [];
      let took = 0;
      let at = 0;
      const take = (most: number): void => {
        for (let count = 0; count < most; count++) {
          const next = reader.next();
          if (next === undefined) return;
          took += 5 + next.length;
          received.push(`${reader.compressed ? 1 : 0} ${Buffer.from(next).toString('hex')}`);
        }
      };
      for (let step = 0; at < bytes.length; step++) {
        const [size, takes] = cuts[step % cuts.length] ?? [1, 1];
        const end = Math.min(bytes.length, at + 1 + size);
        reader.push(bytes, at, end);
        at = end;
        expect(took + reader.waiting + reader.held).toBe(at);
        take(takes);
        expect(took + reader.waiting + reader.held).toBe(at);
      }
      take(Number.POSITIVE_INFINITY);
      expect(received).toEqual(
        messages.map(([body, flag]) => `${flag} ${Buffer.from(body).toString('hex')}`),
      );
      expect([reader.held, reader.waiting]).toEqual([0, 0]);
    }),
    { numRuns: 150 },
  );
});
