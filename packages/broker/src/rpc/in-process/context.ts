import type { RpcMethod } from '../engine.js';
import type { TurnQueue } from './turn-queue.js';

/** What the connections of one in-process engine share. */
export interface InProcessContext {
  readonly methods: ReadonlyMap<string, RpcMethod>;
  readonly turn: TurnQueue;
  readonly streamBufferBytes: number;
  readonly maxMessageBytes: number;
  /** Something above the seam, or a client's listener, threw. */
  fault(error: unknown): void;
}

export type Headers = Readonly<Record<string, string>>;
