import { createHash, type Hash } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';

/** The form of a backup's file; a higher one was written by a later version. */
export const BACKUP_FORMAT = 1;

const MOST_HEADER_BYTES = 4_096;
const FRAME_BYTES = 5;
const MOST_FRAME_BYTES = 16 * 1024 * 1024;
const DATA = 0x44;
const PING = 0x50;
const END = 0x45;

/** The first line of a backup, as JSON. */
export interface BackupHeader {
  readonly ceBrokerBackup: number;
  readonly store: 'lmdb';
  readonly epoch: string;
  /** Everything that was acknowledged up to this position is in it. */
  readonly position: number;
  /** ISO 8601. */
  readonly time: string;
}

/** What its last frame says. */
export interface BackupEnd {
  /** Bytes of the store's file. */
  readonly bytes: number;
  /** SHA-256 of the header line and of those bytes, in hex. */
  readonly sha256: string;
}

/**
 * Writes a backup: a header line, then frames (a letter, the length as four bytes, that many bytes): `D` bytes of the store's file, `P` a sign of
 * life, `E` the end with the checksum. A file without its end is none.
 */
export class BackupEncoder {
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;

  header(header: BackupHeader): Buffer {
    const line = Buffer.from(`${JSON.stringify(header)}\n`);
    this.#hash.update(line);
    return line;
  }

  data(bytes: Uint8Array): Buffer {
    this.#hash.update(bytes);
    this.#bytes += bytes.byteLength;
    return frame(DATA, bytes);
  }

  ping(): Buffer {
    return frame(PING, Buffer.alloc(0));
  }

  end(): Buffer {
    const end: BackupEnd = { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
    return frame(END, Buffer.from(JSON.stringify(end)));
  }
}

function frame(kind: number, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_BYTES);
  head.writeUInt8(kind, 0);
  head.writeUInt32LE(bytes.byteLength, 1);
  return Buffer.concat([head, bytes]);
}

/** Reads a backup piece by piece, and checks it. Throws `unreadable_file` or `data_loss` that names the file. */
export class BackupDecoder {
  readonly #name: string;
  readonly #hash: Hash = createHash('sha256');
  #rest: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #end: BackupEnd | undefined;
  /** Undefined until its line was read. */
  header: BackupHeader | undefined;

  /** @param name of the file, for messages */
  constructor(name: string) {
    this.#name = name;
  }

  /** Takes the next piece; gives the bytes of the store's file that are in it. */
  *take(piece: Uint8Array): Iterable<Buffer> {
    this.#rest = this.#rest.byteLength === 0 ? Buffer.from(piece) : Buffer.concat([this.#rest, piece]);
    if (this.header === undefined && !this.#readHeader()) return;
    while (this.#rest.byteLength >= FRAME_BYTES) {
      if (this.#end !== undefined) throw this.#damaged('something follows its end');
      const kind = this.#rest.readUInt8(0);
      const length = this.#rest.readUInt32LE(1);
      if ((kind !== DATA && kind !== PING && kind !== END) || length > MOST_FRAME_BYTES)
        throw this.#damaged(`no frame begins after ${this.#bytes} bytes`);
      if (this.#rest.byteLength < FRAME_BYTES + length) return;
      const bytes = this.#rest.subarray(FRAME_BYTES, FRAME_BYTES + length);
      this.#rest = this.#rest.subarray(FRAME_BYTES + length);
      if (kind === END) this.#readEnd(bytes);
      if (kind !== DATA) continue;
      this.#hash.update(bytes);
      this.#bytes += length;
      yield bytes;
    }
  }

  /** The file is over: is it whole? */
  finish(): { readonly header: BackupHeader; readonly bytes: number } {
    if (this.header === undefined) throw this.#notOne();
    if (this.#end === undefined || this.#rest.byteLength > 0)
      throw this.#damaged('it ends in the middle: the copy was interrupted');
    return { header: this.header, bytes: this.#bytes };
  }

  #readHeader(): boolean {
    const end = this.#rest.indexOf(0x0a);
    if (end < 0 && this.#rest.byteLength <= MOST_HEADER_BYTES) return false;
    const line = this.#rest.subarray(0, end + 1);
    const header = parse<BackupHeader>(line);
    if (end < 0 || typeof header?.ceBrokerBackup !== 'number') throw this.#notOne();
    if (header.ceBrokerBackup > BACKUP_FORMAT) {
      throw new CeBrokerError(
        'failed_precondition',
        `${this.#name} is a backup of format ${header.ceBrokerBackup}, and this version knows ${BACKUP_FORMAT} at most: restore it with the version that wrote it, or a later one`,
      );
    }
    this.#hash.update(line);
    this.header = header;
    this.#rest = this.#rest.subarray(end + 1);
    return true;
  }

  #readEnd(bytes: Buffer): void {
    const end = parse<BackupEnd>(bytes);
    const sha256 = this.#hash.copy().digest('hex');
    if (end?.bytes !== this.#bytes || end.sha256 !== sha256)
      throw this.#damaged('its checksum is wrong: it was changed after it was written');
    this.#end = end;
  }

  #notOne(): CeBrokerError {
    return new CeBrokerError(
      'unreadable_file',
      `${this.#name} is no backup of a ce-broker: it must be a file that "ce-broker backup" wrote`,
    );
  }

  #damaged(what: string): CeBrokerError {
    return new CeBrokerError('data_loss', `the backup ${this.#name} is damaged: ${what}; use another one`);
  }
}

function parse<T>(bytes: Buffer): T | undefined {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch {
    return undefined;
  }
}
