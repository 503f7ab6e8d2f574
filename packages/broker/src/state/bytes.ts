/** Builds a small record: numbers, big integers and texts, one after the other. Grows by itself and is used again and again. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(1024);
  #view = viewOf(this.#bytes);
  #at = 0;

  begin(): void {
    this.#at = 0;
  }

  get length(): number {
    return this.#at;
  }

  /** What was written since `begin`, as a copy. */
  done(): Buffer {
    const copy = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(copy, 0, 0, this.#at);
    return copy;
  }

  /** Puts what was written since `begin` there. */
  copyTo(target: Uint8Array, at: number): void {
    target.set(this.#bytes.subarray(0, this.#at), at);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  /** A whole number from 0 to 2^53. */
  number(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at] = (rest % 0x80) | 0x80;
      this.#at += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at] = rest;
    this.#at += 1;
  }

  /** Any number, with its fraction. */
  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** A whole number of 64 bits, signed; throws a RangeError for a larger one. */
  big(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} has more than 64 bits`);
    this.#reserve(8);
    this.#view.setBigInt64(this.#at, value, true);
    this.#at += 8;
  }

  text(value: string): void {
    const most = value.length * 3;
    if (most < 0x80) {
      this.#reserve(most + 1);
      const length = this.#bytes.write(value, this.#at + 1);
      this.#bytes[this.#at] = length;
      this.#at += 1 + length;
      return;
    }
    const length = Buffer.byteLength(value);
    this.number(length);
    this.#reserve(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.byteLength);
    this.#bytes.set(value, this.#at);
    this.#at += value.byteLength;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.byteLength, this.#at + size));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

/** Numbers of eight bytes without the big integers that a Buffer makes of their halves. */
function viewOf({ buffer, byteLength, byteOffset }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

const eight = new DataView(new ArrayBuffer(8));
const eightBytes = new Uint8Array(eight.buffer);

/** Texts that come again and again, such as the names of sources: a place for each, by what their bytes add up to. */
const SHARED_PLACES = 256;
const LONGEST_SHARED = 64;
const shared: string[] = new Array<string>(SHARED_PLACES).fill('');

/** Reads what a {@link ByteWriter} wrote. Reading past the end throws a RangeError. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw tooShort();
    this.#at += 1;
    return value;
  }

  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  double(): number {
    this.#takeEight();
    return eight.getFloat64(0, true);
  }

  big(): bigint {
    this.#takeEight();
    return eight.getBigInt64(0, true);
  }

  text(): string {
    const from = this.#advance(this.number());
    return this.#bytes.toString('utf8', from, this.#at);
  }

  /** A text that many records have: all of them get the same string. */
  sharedText(): string {
    const length = this.number();
    const from = this.#advance(length);
    if (length > LONGEST_SHARED) return this.#bytes.toString('utf8', from, this.#at);
    let sum = length;
    for (let at = from; at < this.#at; at++) sum = (Math.imul(sum, 31) + (this.#bytes[at] ?? 0)) | 0;
    const place = sum & (SHARED_PLACES - 1);
    const known = shared[place] ?? '';
    if (this.#isAscii(known, from, length)) return known;
    const text = this.#bytes.toString('utf8', from, this.#at);
    shared[place] = text;
    return text;
  }

  /** A view of the next bytes. */
  bytes(length: number): Buffer {
    const from = this.#advance(length);
    return this.#bytes.subarray(from, this.#at);
  }

  rest(): Buffer {
    return this.bytes(this.#bytes.byteLength - this.#at);
  }

  /** @returns where the next bytes begin */
  #advance(length: number): number {
    const from = this.#at;
    if (!(from + length <= this.#bytes.byteLength)) throw tooShort();
    this.#at = from + length;
    return from;
  }

  #takeEight(): void {
    const from = this.#advance(8);
    for (let index = 0; index < 8; index++) eightBytes[index] = this.#bytes[from + index] ?? 0;
  }

  #isAscii(text: string, from: number, length: number): boolean {
    if (text.length !== length) return false;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80 || code !== this.#bytes[from + index]) return false;
    }
    return true;
  }
}

function tooShort(): RangeError {
  return new RangeError('the record is too short');
}
