/** What an entry costs beside its name and value (RFC 7541 §4.1). */
export const ENTRY_OVERHEAD_BYTES = 32;

/** One field of the static or the dynamic table. Shared by all blocks that refer to it. */
export class TableEntry {
  readonly name: string;
  readonly value: string;
  /** Bytes by RFC 7541 §4.1. */
  readonly size: number;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + ENTRY_OVERHEAD_BYTES;
  }
}
