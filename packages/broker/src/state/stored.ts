/** `request`: a spec that an agent wrote, on its way to the sources. */
export type CellKind = 'spec' | 'status' | 'request';

/** A handle to kept bytes; only the store that made it looks inside. */
export interface StoredBytes {
  readonly size: number;
  readonly position: number;
}

/** An event of a store that knows it by its position alone. */
export class StoredAt implements StoredBytes {
  readonly size: number;
  readonly position: number;
  /** As long as the store has them in memory anyway. */
  bytes: Uint8Array | undefined = undefined;

  constructor(position: number, size: number) {
    this.position = position;
    this.size = size;
  }
}

/** What is kept beside the bytes of an event. */
export interface StoredNote {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly user: string;
}
