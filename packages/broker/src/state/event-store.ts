/**
 * Where the bytes of the newest events live. The broker keeps one record per cell (the spec or the status of a resource);
 * appending for a cell replaces what it held. Memory today; the seam is made for a store that commits in groups.
 */
export interface EventStore {
  readonly name: string;
  /** Everything up to this position is durable. Delivery and acknowledgement wait for it. */
  readonly durablePosition: number;
  /** Keeps `bytes` as the newest of the cell. The store owns the bytes from here on. */
  append(record: StoreRecord): StoredBytes;
  /** The bytes of a kept event. */
  read(stored: StoredBytes): Uint8Array;
  /** The cell is empty now. */
  forget(stored: StoredBytes): void;
  /** Bytes of payload and envelope that are kept, for the status page. */
  readonly keptBytes: number;
}

export interface StoreRecord {
  readonly kind: CellKind;
  readonly dataType: string;
  readonly cluster: string;
  readonly resourceId: string;
  /** One counter for the whole broker: higher is later. */
  readonly position: number;
  readonly bytes: Uint8Array;
  /** What this record replaces. */
  readonly replaces: StoredBytes | undefined;
}

export type CellKind = 'spec' | 'status';

/** A handle to kept bytes; only the store that made it looks inside. */
export interface StoredBytes {
  readonly size: number;
}
