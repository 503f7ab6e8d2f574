/** Length of gRPC's message prefix: a compression flag and four bytes of length. */
export const FRAME_PREFIX_BYTES = 5;

const EMPTY_MESSAGE_FRAME = Buffer.alloc(FRAME_PREFIX_BYTES);

/** One message with its gRPC prefix. The buffer returned is never changed, and may be shared by many streams. */
export function frameMessage(message: Uint8Array): Buffer {
  const length = message.byteLength;
  if (length === 0) return EMPTY_MESSAGE_FRAME;
  const frame = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + length);
  writeFrame(frame, 0, message);
  return frame;
}

function writeFrame(target: Buffer, offset: number, message: Uint8Array): number {
  target[offset] = 0;
  target.writeUInt32BE(message.byteLength, offset + 1);
  target.set(message, offset + FRAME_PREFIX_BYTES);
  return offset + FRAME_PREFIX_BYTES + message.byteLength;
}

/**
 * Turns the messages that a stream is owed into one buffer for one write, and remembers the last: in fan-out many streams
 * are owed the very same messages in the same turn, and then share one buffer.
 */
export class FrameCache {
  private lastBatch: readonly Uint8Array[] = [];
  private lastFrame: Buffer = EMPTY_MESSAGE_FRAME;

  /** `bytes`: the sum of the messages' lengths and prefixes. The batch must not change afterwards. */
  join(batch: readonly Uint8Array[], bytes: number): Buffer {
    if (sameItems(batch, this.lastBatch)) return this.lastFrame;
    const frame = Buffer.allocUnsafe(bytes);
    let offset = 0;
    for (const message of batch) offset = writeFrame(frame, offset, message);
    this.lastBatch = batch;
    this.lastFrame = frame;
    return frame;
  }

  /** Lets go of the last batch, so that nothing is kept alive between turns. */
  forget(): void {
    this.lastBatch = [];
    this.lastFrame = EMPTY_MESSAGE_FRAME;
  }
}

function sameItems(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
