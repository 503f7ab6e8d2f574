import {
  DEFAULT_MAX_FRAME_BYTES,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEAD_BYTES,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_WINDOW_UPDATE,
} from './constants.js';

/** Frames as buffers of their own: RFC 9113 §6. For those that are rare; the hot ones are composed in place. */

export function writeFrameHead(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  return writeStreamId(target, at + 5, streamId);
}

export function writeStreamId(target: Buffer, at: number, streamId: number): number {
  target[at] = streamId >>> 24;
  target[at + 1] = streamId >>> 16;
  target[at + 2] = streamId >>> 8;
  target[at + 3] = streamId;
  return at + 4;
}

function frame(type: number, flags: number, streamId: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + length);
  writeFrameHead(bytes, 0, length, type, flags, streamId);
  return bytes;
}

/** §6.1. An empty DATA frame that ends the stream. */
export function endFrame(streamId: number): Buffer {
  return frame(FRAME_DATA, FLAG_END_STREAM, streamId, 0);
}

/** §6.5. Pairs of identifier and value. */
export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const bytes = frame(FRAME_SETTINGS, 0, 0, settings.length * 6);
  let at = FRAME_HEAD_BYTES;
  for (const [id, value] of settings) {
    at = bytes.writeUInt16BE(id, at);
    at = bytes.writeUInt32BE(value, at);
  }
  return bytes;
}

export const SETTINGS_ACK: Buffer = frame(FRAME_SETTINGS, FLAG_ACK, 0, 0);

/** §6.7. `data`: eight bytes. */
export function pingFrame(ack: boolean, data: Buffer, start: number): Buffer {
  const bytes = frame(FRAME_PING, ack ? FLAG_ACK : 0, 0, 8);
  data.copy(bytes, FRAME_HEAD_BYTES, start, start + 8);
  return bytes;
}

/** §6.4. */
export function resetFrame(streamId: number, code: number): Buffer {
  const bytes = frame(FRAME_RST_STREAM, 0, streamId, 4);
  bytes.writeUInt32BE(code, FRAME_HEAD_BYTES);
  return bytes;
}

/** §6.9. */
export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  const bytes = frame(FRAME_WINDOW_UPDATE, 0, streamId, 4);
  bytes.writeUInt32BE(increment, FRAME_HEAD_BYTES);
  return bytes;
}

/** §6.8. */
export function goAwayFrame(lastStreamId: number, code: number, debug: string): Buffer {
  const text = Buffer.from(debug.slice(0, 512), 'utf8');
  const bytes = frame(FRAME_GOAWAY, 0, 0, 8 + text.length);
  bytes.writeUInt32BE(lastStreamId, FRAME_HEAD_BYTES);
  bytes.writeUInt32BE(code, FRAME_HEAD_BYTES + 4);
  text.copy(bytes, FRAME_HEAD_BYTES + 8);
  return bytes;
}

/** §6.2 and §6.10: HEADERS, and CONTINUATION frames where the block is longer than the peer's largest frame. */
export function headersFrames(
  streamId: number,
  block: Buffer,
  endStream: boolean,
  maxFrame: number = DEFAULT_MAX_FRAME_BYTES,
): Buffer {
  const first = Math.min(block.length, maxFrame);
  const frames = 1 + Math.ceil((block.length - first) / maxFrame);
  const bytes = Buffer.allocUnsafe(block.length + frames * FRAME_HEAD_BYTES);
  let at = 0;
  for (let sent = 0, index = 0; index < frames; index++) {
    const length = Math.min(block.length - sent, maxFrame);
    const last = sent + length === block.length ? FLAG_END_HEADERS : 0;
    const flags = index === 0 && endStream ? last | FLAG_END_STREAM : last;
    at = writeFrameHead(bytes, at, length, index === 0 ? FRAME_HEADERS : FRAME_CONTINUATION, flags, streamId);
    at += block.copy(bytes, at, sent, sent + length);
    sent += length;
  }
  return bytes;
}
