import { isUtf8 } from 'node:buffer';
import { CeBrokerError } from '../errors.js';

/** Groups inside groups deeper than this are refused (they carry nothing that we read). */
const MAX_GROUP_DEPTH = 100;
const MAX_FIELD_NUMBER = 536_870_911;

/** The wire types of protobuf that carry known fields here. */
export const VARINT = 0;
export const LENGTH_DELIMITED = 2;

/** What every defect of the bytes becomes. */
export function malformed(field: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `${field}: ${what}`, { field });
}

/**
 * Reads protobuf bytes, and refuses every defect of structure with a CeBrokerError that names the field. Stricter than
 * most runtimes on purpose: where two runtimes would read the same bytes differently, they are refused.
 */
export class WireReader {
  readonly bytes: Buffer;
  pos: number;
  readonly end: number;
  /** Where this reader is, for error messages. */
  readonly where: string;

  constructor(bytes: Buffer, pos: number, end: number, where: string) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
    this.where = where;
  }

  get done(): boolean {
    return this.pos >= this.end;
  }

  /** The next tag: field number times eight plus wire type. */
  tag(): number {
    const tag = this.uint32(this.where);
    const field = tag >>> 3;
    if (field === 0) throw malformed(this.where, 'field number 0');
    if (field > MAX_FIELD_NUMBER) throw malformed(this.where, `field number ${field} is too large`);
    return tag;
  }

  /** Opens a length-delimited field as a reader of its own, and moves past it. */
  message(tag: number, where: string): WireReader {
    const end = this.lengthEnd(tag, where);
    const reader = new WireReader(this.bytes, this.pos, end, where);
    this.pos = end;
    return reader;
  }

  /** A string; bytes that are not UTF-8 are refused. */
  string(tag: number, where: string): string {
    const end = this.lengthEnd(tag, where);
    const part = this.bytes.subarray(this.pos, end);
    this.pos = end;
    if (!isUtf8(part)) throw malformed(where, 'not valid UTF-8');
    return part.toString('utf8');
  }

  /** Bytes, as a view of the input. */
  view(tag: number, where: string): Buffer {
    const end = this.lengthEnd(tag, where);
    const part = this.bytes.subarray(this.pos, end);
    this.pos = end;
    return part;
  }

  /** Moves past bytes. */
  pass(tag: number, where: string): void {
    this.pos = this.lengthEnd(tag, where);
  }

  /** A bool: any varint but zero is true. */
  bool(tag: number, where: string): boolean {
    return this.varint(tag, where) !== 0n;
  }

  /** An int32; a varint that does not fit is refused (Go would cut it silently). */
  int32(tag: number, where: string): number {
    const value = Number(this.int64(tag, where));
    if (value > 0x7fffffff || value < -0x80000000) throw malformed(where, 'integer does not fit 32 bits');
    return value;
  }

  int64(tag: number, where: string): bigint {
    return BigInt.asIntN(64, this.varint(tag, where));
  }

  /** A uint64 that counts something: a position, a size. One that a number cannot hold exactly is refused. */
  count(tag: number, where: string): number {
    expectWireType(tag, VARINT, where);
    return this.rawCount(where);
  }

  /** A repeated uint64, packed or not, added to `into`. */
  counts(tag: number, where: string, into: number[]): void {
    if ((tag & 7) === VARINT) {
      into.push(this.rawCount(where));
      return;
    }
    const end = this.lengthEnd(tag, where);
    while (this.pos < end) into.push(this.rawCount(where));
    if (this.pos !== end) throw malformed(where, 'truncated');
  }

  /** Moves past a field that is not known here; groups must be closed by their own end tag. */
  skip(tag: number): void {
    const groups: number[] = [];
    let current = tag;
    for (;;) {
      switch (current & 7) {
        case 0:
          this.rawVarint(this.where);
          break;
        case 1:
          this.advance(8);
          break;
        case 2: {
          const length = this.uint32(this.where);
          this.advance(length);
          break;
        }
        case 3:
          if (groups.length >= MAX_GROUP_DEPTH) throw malformed(this.where, 'groups nested too deeply');
          groups.push(current >>> 3);
          break;
        case 4:
          if (groups.pop() !== current >>> 3)
            throw malformed(this.where, 'end of a group that was not opened');
          break;
        case 5:
          this.advance(4);
          break;
        default:
          throw malformed(this.where, `wire type ${current & 7} does not exist`);
      }
      if (groups.length === 0) return;
      if (this.done) throw malformed(this.where, 'group is not closed');
      current = this.tag();
    }
  }

  private varint(tag: number, where: string): bigint {
    expectWireType(tag, VARINT, where);
    return this.rawVarint(where);
  }

  private rawVarint(where: string): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte(where);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (shift === 63n && byte > 1) break;
        return value;
      }
    }
    throw malformed(where, 'varint is longer than 64 bits');
  }

  private rawCount(where: string): number {
    let value = 0;
    for (let index = 0, factor = 1; index < 8; index++, factor *= 0x80) {
      const byte = this.byte(where);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
    }
    throw malformed(where, 'larger than 2^53 - 1');
  }

  private uint32(where: string): number {
    let value = 0;
    for (let index = 0, factor = 1; index < 5; index++, factor *= 0x80) {
      const byte = this.byte(where);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw malformed(where, 'tag or length is longer than 32 bits');
  }

  private lengthEnd(tag: number, where: string): number {
    expectWireType(tag, LENGTH_DELIMITED, where);
    const length = this.uint32(where);
    if (length > this.end - this.pos) throw malformed(where, 'truncated');
    return this.pos + length;
  }

  private advance(length: number): void {
    if (length > this.end - this.pos) throw malformed(this.where, 'truncated');
    this.pos += length;
  }

  private byte(where: string): number {
    const byte = this.pos < this.end ? this.bytes[this.pos] : undefined;
    if (byte === undefined) throw malformed(where, 'truncated');
    this.pos++;
    return byte;
  }
}

/** A Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function expectWireType(tag: number, wanted: number, where: string): void {
  if ((tag & 7) !== wanted) throw malformed(where, `wire type ${tag & 7} where ${wanted} belongs`);
}
