/**
 * A decoded header block. The same object is handed out again for the same bytes while the dynamic table has not changed, so
 * layers above hang what they made of it on `meaning`.
 */
export class HeaderBlock {
  /** As on the wire, pseudo-header fields included, in order. Whether they are well-formed is for the layer above to check. */
  readonly names: readonly string[];
  /** One character per byte (latin1), at the index of their name. */
  readonly values: readonly string[];
  /** Bytes of the whole list by RFC 9113 §6.5.2: name, value and 32 for each field, those that were dropped included. */
  readonly size: number;
  /** The list is over its limit of bytes or fields: it was decoded to its end for the table's sake, and the fields beyond dropped. */
  readonly overLimit: boolean;
  /** Whatever the layer above made of the block. */
  meaning: unknown = undefined;

  constructor(names: readonly string[], values: readonly string[], size: number, overLimit: boolean) {
    this.names = names;
    this.values = values;
    this.size = size;
    this.overLimit = overLimit;
  }

  /** The first value of a field, by its lower-case name. */
  get(name: string): string | undefined {
    const index = this.names.indexOf(name);
    return index === -1 ? undefined : this.values[index];
  }
}
