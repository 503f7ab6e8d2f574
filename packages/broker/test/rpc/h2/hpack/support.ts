import { HpackDecoder, type HpackDecoderOptions } from '../../../../src/rpc/h2/hpack/decoder.js';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import type { HeaderBlock } from '../../../../src/rpc/h2/hpack/header-block.js';

export type Field = [name: string, value: string];

/** Bytes, written in hexadecimal with spaces wherever they help. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

export function decoder(options: Partial<HpackDecoderOptions> = {}): HpackDecoder {
  return new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 32_768, maxFields: 128, ...options });
}

export function fieldsOf(block: HeaderBlock): Field[] {
  return block.names.map((name, index) => [name, block.values[index] ?? '']);
}

/** Decodes a block that stands between other bytes, as it does in a chunk off a socket. */
export function decodeBlock(decoder: HpackDecoder, bytes: Buffer): HeaderBlock {
  const chunk = Buffer.concat([Buffer.from([0xff, 0x82]), bytes, Buffer.from([0x84, 0xff])]);
  return decoder.decode(chunk, 2, 2 + bytes.length);
}

/** The fields of a block, given as bytes or in hexadecimal. */
export function decode(decoder: HpackDecoder, bytes: Buffer | string): Field[] {
  return fieldsOf(decodeBlock(decoder, typeof bytes === 'string' ? hex(bytes) : bytes));
}

/** The dynamic table, newest entry first, as indices show it. */
export function tableOf(decoder: HpackDecoder): Field[] {
  const entries: Field[] = [];
  for (;;) {
    try {
      entries.push(...decode(decoder, index(62 + entries.length)));
    } catch (error) {
      if (error instanceof HpackError) return entries;
      throw error;
    }
  }
}

export function tableBytes(decoder: HpackDecoder): number {
  return tableOf(decoder).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
}

/** RFC 7541 §5.1, written down as the RFC has it. */
export function integer(pattern: number, prefixBits: number, value: number): Buffer {
  const full = 2 ** prefixBits - 1;
  if (value < full) return Buffer.from([pattern | value]);
  const bytes = [pattern | full];
  let rest = value - full;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A string without Huffman coding. */
export function plain(text: string): Buffer {
  return Buffer.concat([integer(0, 7, text.length), Buffer.from(text, 'latin1')]);
}

/** A string that says that it is Huffman-coded, of these very bytes. */
export function coded(bytes: Buffer): Buffer {
  return Buffer.concat([integer(0x80, 7, bytes.length), bytes]);
}

/** Literal fields with new names: entered into the table, not entered, never to be. */
export function entered(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), plain(name), plain(value)]);
}

export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), plain(name), plain(value)]);
}

export function neverIndexed(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x10]), plain(name), plain(value)]);
}

export function index(value: number): Buffer {
  return integer(0x80, 7, value);
}

export function sizeUpdate(bytes: number): Buffer {
  return integer(0x20, 5, bytes);
}
