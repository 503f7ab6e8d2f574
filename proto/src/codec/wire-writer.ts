import { CeBrokerError } from '../errors.js';

/** Bytes of a varint that holds `value`, a whole number from 0 to 2^53. */
export function varintSize(value: number): number {
  let size = 1;
  while (value >= 0x80) {
    value = Math.floor(value / 0x80);
    size++;
  }
  return size;
}

/** Writes protobuf fields into a buffer that grows; empty strings are left out, as proto3 does. */
export class WireWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(capacity = 512) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  /** The bytes written so far, in a buffer of their own size. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  varint(value: number): this {
    this.reserve(10);
    while (value >= 0x80) {
      this.buffer[this.length++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.buffer[this.length++] = value;
    return this;
  }

  /** A signed varint of 64 bits, as int32 and int64 fields have it. */
  signed(value: number): this {
    if (value >= 0) return this.varint(value);
    this.reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let index = 0; index < 9; index++) {
      this.buffer[this.length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.length++] = Number(rest);
    return this;
  }

  /** A uint64 field that counts something, a whole number from 0 to 2^53; 0 is left out. */
  countField(field: number, value: number): this {
    return value === 0 ? this : this.varint(field * 8).varint(value);
  }

  /** A length-delimited field. */
  bytesField(field: number, value: Uint8Array): this {
    this.varint(field * 8 + 2).varint(value.length);
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
    return this;
  }

  /** A string field, also when it is empty; a lone surrogate cannot be written and is refused. */
  stringField(field: number, value: string, name: string): this {
    if (!value.isWellFormed()) {
      throw new CeBrokerError('invalid_argument', `${name}: not valid Unicode (a lone surrogate)`, {
        field: name,
      });
    }
    const size = Buffer.byteLength(value);
    this.varint(field * 8 + 2).varint(size);
    this.reserve(size);
    this.length += this.buffer.write(value, this.length, size, 'utf8');
    return this;
  }

  private reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
