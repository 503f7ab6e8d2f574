import { expect, it } from 'vitest';
import { FrameCutter } from '../../src/cli/load/frame-cutter.js';
import { FRAME_HEADER, MAX_FRAME, writeFrameHeader } from '../../src/cli/load/http2-frames.js';

/** Frames as text: type, flags, stream and payload. */
function cutterOf(seen: string[]): FrameCutter {
  return new FrameCutter((bytes, type, flags, id, start, end) => {
    seen.push(`${type} ${flags} ${id} ${bytes.toString('hex', start, end)}`);
    return seen.length < 100;
  });
}

function frame(length: number, type: number, flags: number, id: number): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER + length, type + 1);
  writeFrameHeader(bytes, 0, length, type, flags, id);
  return bytes;
}

const wire = Buffer.concat([
  frame(0, 4, 1, 0),
  frame(5, 0, 0, 1),
  frame(0, 0, 1, 3),
  frame(17, 1, 4, 0x7fff_ffff),
  frame(1, 6, 0, 0),
  frame(0, 4, 0, 0),
]);

function whole(): string[] {
  const seen: string[] = [];
  cutterOf(seen).read(wire);
  return seen;
}

it('frames are the same wherever a read ends, and the buffer of a read may serve the next', () => {
  expect(whole()).toHaveLength(6);
  for (let first = 0; first <= wire.length; first++) {
    for (let second = first; second <= wire.length; second++) {
      const seen: string[] = [];
      const cutter = cutterOf(seen);
      const shared = Buffer.alloc(wire.length);
      for (const [start, end] of [
        [0, first],
        [first, second],
        [second, wire.length],
      ] as const) {
        const read = shared.subarray(0, wire.copy(shared, 0, start, end));
        cutter.read(read);
        shared.fill(0xff);
      }
      expect(seen).toEqual(whole());
    }
  }
});

it('frames of the largest size may come byte by byte', () => {
  const seen: string[] = [];
  const cutter = cutterOf(seen);
  const largest = frame(MAX_FRAME, 0, 0, 1);
  for (const byte of Buffer.concat([largest, largest])) cutter.read(Buffer.of(byte));
  expect(seen).toEqual([0, 1].map(() => `0 0 1 ${'01'.repeat(MAX_FRAME)}`));
});

it('a frame over the limit is refused by its head, whole or in parts', () => {
  const head = Buffer.alloc(FRAME_HEADER);
  writeFrameHeader(head, 0, MAX_FRAME + 1, 0, 0, 1);
  for (let cut = 0; cut < FRAME_HEADER; cut++) {
    const cutter = cutterOf([]);
    cutter.read(head.subarray(0, cut));
    expect(() => cutter.read(head.subarray(cut))).toThrow(`a frame of ${MAX_FRAME + 1} bytes`);
  }
});

it('nothing is handed out after the taker has had enough', () => {
  for (let cut = 0; cut <= wire.length; cut++) {
    let taken = 0;
    const cutter = new FrameCutter(() => ++taken < 2);
    cutter.read(wire.subarray(0, cut));
    if (taken < 2) cutter.read(wire.subarray(cut));
    expect(taken).toBe(2);
  }
});
