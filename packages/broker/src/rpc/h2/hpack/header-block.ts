/**
 * A decoded header block. The same object is handed out again for the same bytes while the dynamic table has not changed, so
 * layers above hang what they made of it on `meaning`.
 */
export class HeaderBlock {
  /** As on the wire, pseudo-headers included, in order; the layer above checks them. */
  readonly names: readonly string[];
  /** Latin-1: one character a byte. */
  readonly values: readonly string[];
  /** RFC 9113 §6.5.2: name, value and 32 of each field. */
  readonly size: number;
  /** The list is larger, or has more fields, than is allowed: it was decoded to its end, and the fields beyond were dropped. */
  readonly overLimit: boolean;
  meaning: unknown = undefined;

  constructor(names: readonly string[], values: readonly string[], size: number, overLimit: boolean) {
    this.names = names;
    this.values = values;
    this.size = size;
    this.overLimit = overLimit;
  }

  /** The first value of a field. */
  get(name: string): string | undefined {
    const at = this.names.indexOf(name);
    return at < 0 ? undefined : this.values[at];
  }
}
