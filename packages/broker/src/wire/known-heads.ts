import type { EventType } from './envelope.js';
import { isVersion1 } from './fast-scan-bytes.js';
import { KnownBytes } from './known-bytes.js';

/** The fields source, spec_version and type behind one another, as they were read and found good before. */
export interface KnownHead {
  readonly bytes: KnownBytes;
  readonly source: string;
  readonly type: EventType;
}

const SLOTS = 512;
/** What stands between source and type: `1a 03 "1.0"`. */
const VERSION_FIELD = 5;

/**
 * Who sends what comes again with every event: one comparison of bytes instead of reading and checking three fields.
 * Bounded as `InternedStrings` is: 512 heads of less than 300 bytes. Only strings of ASCII may be added.
 */
export class KnownHeads {
  readonly #slots: (KnownHead | undefined)[] = new Array<KnownHead | undefined>(SLOTS).fill(undefined);

  /** The head that begins at `at`, where a source begins. */
  find(bytes: Uint8Array, at: number): KnownHead | undefined {
    const type = typePosition(bytes, at);
    const length = type + 2 + (bytes[type + 1] ?? 0) - at;
    if (at + length > bytes.length) return undefined;
    const known = this.#slots[slotOf(bytes, at, type, at + length)];
    return known?.bytes.fill(bytes, at, length) === true ? known : undefined;
  }

  /** Keeps a head whose two strings were read, unless more than the version stands between them, or they are long. */
  add(bytes: Uint8Array, at: number, typeAt: number, source: string, type: EventType): void {
    const end = typeAt + 2 + type.name.length;
    // Longer strings have longer lengths, which `find` does not look for.
    if (source.length >= 0x80 || type.name.length >= 0x80) return;
    if (typeAt !== typePosition(bytes, at) || bytes[typeAt - 5] !== 0x1a) return;
    if (bytes[typeAt - 4] !== 3 || !isVersion1(bytes, typeAt - 3, 3)) return;
    const known = { bytes: new KnownBytes(bytes, at, end), source, type };
    this.#slots[slotOf(bytes, at, typeAt, end)] = known;
  }
}

/** Where the type's field begins when nothing but the version stands before it. */
function typePosition(bytes: Uint8Array, at: number): number {
  return at + 2 + (bytes[at + 1] ?? 0) + VERSION_FIELD;
}

/** From both lengths, the end of the source (where numbers stand), and two letters of the type. */
function slotOf(bytes: Uint8Array, at: number, type: number, end: number): number {
  const sourceEnd = type - VERSION_FIELD;
  const source =
    (bytes[sourceEnd - 1] ?? 0) + (bytes[sourceEnd - 2] ?? 0) * 10 + (bytes[sourceEnd - 3] ?? 0) * 101;
  // Fourteen from the end tells create_request, update_request and delete_request apart.
  const kind = (bytes[end - 14] ?? 0) * 7 + (bytes[end - 18] ?? 0) * 31;
  return (source + kind + end - at) & (SLOTS - 1);
}
