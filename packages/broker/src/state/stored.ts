/** `request`: a spec that an agent wrote, on its way to the sources. */
export type CellKind = 'spec' | 'status' | 'request';

/** A handle to kept bytes; only the store that made it looks inside. */
export interface StoredBytes {
  readonly size: number;
  readonly position: number;
}

/** What is kept beside the bytes of an event. */
export interface StoredNote {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly user: string;
}
