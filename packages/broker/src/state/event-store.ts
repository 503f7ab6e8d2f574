/**
 * Where the bytes of the newest events live. A record lives from `append` until a later one names it in `replaces`, or `forget`; a cell
 * (the spec or the status of a resource) has one record, and for a while a second one beside it: the deletion of the life before.
 * Memory today; the seam is made for a store that commits in groups.
 */
export interface EventStore {
  readonly name: string;
  /** Everything up to this position is durable. Delivery and acknowledgement wait for it. */
  readonly durablePosition: number;
  /** Keeps `bytes` as the newest of the cell, and drops what it replaces. The store owns the bytes from here on. */
  append(record: StoreRecord): StoredBytes;
  /** The bytes of a kept event. */
  read(stored: StoredBytes): Uint8Array;
  /** This record is needed no more. */
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
  /** The record that this one replaces; undefined: none, or it lives on. */
  readonly replaces: StoredBytes | undefined;
}

/** `request`: a spec that an agent wrote, on its way to the sources. */
export type CellKind = 'spec' | 'status' | 'request';

/** A handle to kept bytes; only the store that made it looks inside. */
export interface StoredBytes {
  readonly size: number;
}
