import { FrameCache } from './frames.js';

/** A stream that has something to write at the end of this turn. */
export interface Flushable {
  flush(frames: FrameCache): void;
}

/**
 * Collects the streams that were written to in this turn of the event loop and flushes each of them once, when the turn's
 * input has been handled: one HTTP/2 write for each stream, however many messages it is owed.
 */
export class Outbox {
  private dirty: Flushable[] = [];
  private readonly frames = new FrameCache();
  private readonly flushAll = (): void => {
    const due = this.dirty;
    this.dirty = [];
    for (const stream of due) stream.flush(this.frames);
    this.frames.forget();
  };

  /** Call it once per stream and turn. */
  add(stream: Flushable): void {
    if (this.dirty.push(stream) === 1) setImmediate(this.flushAll);
  }

  /** Flushes one stream before its turn, because its status is about to follow. */
  flushNow(stream: Flushable): void {
    stream.flush(this.frames);
  }
}
