import { describe, expect, it } from 'vitest';
import { HpackEncoder } from '../../../../src/rpc/h2/hpack/encoder.js';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../../../src/rpc/h2/hpack/huffman.js';
import { CODE_LENGTHS, CODES, EOS } from '../../../../src/rpc/h2/hpack/huffman-code.js';
import { coded, decode, decoder, hex, plain } from './support.js';

/** Ones and zeros to bytes: nothing is added to fill the last one. */
function bits(text: string): Buffer {
  const digits = text.replaceAll(' ', '');
  expect(digits.length % 8).toBe(0);
  return Buffer.from((digits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

function codeOf(symbol: number): string {
  return (CODES[symbol] ?? 0).toString(2).padStart(CODE_LENGTHS[symbol] ?? 0, '0');
}

/** The code of a text, filled with ones. */
function codeOfText(text: string): Buffer {
  const digits = [...text].map((char) => codeOf(char.charCodeAt(0))).join('');
  return bits(digits.padEnd(Math.ceil(digits.length / 8) * 8, '1'));
}

/** A block of one field with this value. */
function withValue(value: Buffer): Buffer {
  return Buffer.concat([hex('00'), plain('a'), value]);
}

function decodeValue(value: Buffer): string {
  return decode(decoder(), withValue(value))[0]?.[1] ?? '';
}

describe('RFC 7541 Appendix B: the Huffman code', () => {
  it.each([
    // symbol, code as the RFC prints it, aligned to the left
    [0, '11111111|11000'],
    [9, '11111111|11111111|11101010'],
    [10, '11111111|11111111|11111111|111100'],
    [13, '11111111|11111111|11111111|111101'],
    [22, '11111111|11111111|11111111|111110'],
    [32, '010100'],
    [42, '11111001'],
    [48, '00000'],
    [57, '011111'],
    [64, '11111111|11010'],
    [88, '11111100'],
    [92, '11111111|11111110|000'],
    [97, '00011'],
    [116, '01001'],
    [122, '1111011'],
    [127, '11111111|11111111|11111111|1100'],
    [128, '11111111|11111110|0110'],
    [195, '11111111|11111110|001'],
    [208, '11111111|11111110|010'],
    [239, '11111111|11111111|1110100'],
    [249, '11111111|11111111|11111111|1110'],
    [255, '11111111|11111111|11111011|10'],
    [256, '11111111|11111111|11111111|111111'],
  ])('RFC 7541 Appendix B: symbol %d is %s', (symbol, code) => {
    expect(codeOf(symbol)).toBe(code.replaceAll('|', ''));
  });

  it('RFC 7541 Appendix B: no code begins another, and nothing is left over', () => {
    const codes = Array.from({ length: EOS + 1 }, (_, symbol) => codeOf(symbol)).sort();
    for (let i = 1; i < codes.length; i++) expect(codes[i]?.startsWith(codes[i - 1] ?? '')).toBe(false);
    expect(codes.reduce((sum, code) => sum + 2 ** -code.length, 0)).toBe(1);
  });
});

describe('RFC 7541 §5.2: strings', () => {
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));

  it('RFC 7541 §5.2: plain, of all bytes', () => {
    expect(decodeValue(plain(all))).toBe(all);
    expect(decodeValue(plain(''))).toBe('');
  });

  it('RFC 7541 §5.2: Huffman-coded, each pair of bytes', () => {
    for (let first = 0; first < 256; first++) {
      const text = [...all].map((second) => String.fromCharCode(first) + second).join('');
      expect(decodeValue(coded(codeOfText(text)))).toBe(text);
    }
    expect(decodeValue(coded(Buffer.alloc(0)))).toBe('');
  });

  it('RFC 7541 §5.2: Huffman-coded names, short and long', () => {
    for (const name of ['a', 'x-name', 'x'.repeat(1_000)]) {
      expect(decode(decoder(), Buffer.concat([hex('00'), coded(codeOfText(name)), plain('v')]))).toEqual([
        [name, 'v'],
      ]);
    }
  });

  it('RFC 7541 §5.2: the encoder writes the code of all bytes as the RFC has it, filled with ones', () => {
    for (let first = 0; first < 256; first++) {
      const text = [...all].map((second) => String.fromCharCode(first) + second).join('');
      const expected = codeOfText(text);
      const target = Buffer.alloc(expected.length + 1, 0xaa);
      expect(huffmanLength(text)).toBe(expected.length);
      expect(huffmanEncode(text, target, 0)).toBe(expected.length);
      expect(target.equals(Buffer.concat([expected, hex('aa')]))).toBe(true);
    }
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('RFC 7541 §5.2: %d bits of padding, all ones', (padding) => {
    // '0' has 5 bits: 8 of them end with the byte.
    const count = ((8 - padding) * 5) % 8;
    const digits = '00000'.repeat(count) + '1'.repeat(padding);
    expect(decodeValue(coded(bits(digits)))).toBe('0'.repeat(count));
  });

  it.each([
    ['8 bits, alone', '11111111'],
    ['8 bits', '00000 00000 00000 00000 00000 00000 00000 00000 11111111'],
    ['9 bits', '00000 00000 00000 111111111'],
    ['15 bits', '00000 00000 00000 00000 00000 111111111111111'],
    ['29 bits', '00000 010100 11111111111111111111111111111'],
  ])('RFC 7541 §5.2: padding longer than 7 bits is an error: %s', (_what, digits) => {
    expect(() => decodeValue(coded(bits(digits)))).toThrow(HpackError);
  });

  it.each([
    ['one zero', '0000000 0'],
    ['00000 and zeros', '00000 000'],
    ['ones and a zero', '00000 110'],
    ['a zero and ones', '00000 011'],
    ['six ones and a zero', '00000 00000 00000 00000 00000 1111110'],
  ])('RFC 7541 §5.2: padding that is not the beginning of EOS is an error: %s', (_what, digits) => {
    expect(() => decodeValue(coded(bits(digits)))).toThrow(/EOS or wrong padding/);
  });

  it.each([
    ['alone', `${'1'.repeat(30)} 11`],
    ['first', `${'1'.repeat(30)} 00000 11111`],
    ['last', `00000 ${'1'.repeat(30)} 11111`],
    ['between', `00000 ${'1'.repeat(30)} 00000`],
    ['twice', `${'1'.repeat(60)} 1111`],
  ])('RFC 7541 §5.2: EOS in a string is an error: %s', (_what, digits) => {
    expect(() => decodeValue(coded(bits(digits)))).toThrow(/EOS or wrong padding/);
  });

  it('RFC 7541 §5.2: a string that ends within a code is an error', () => {
    // 'X' has 8 bits, '\\' 19: the first byte alone is neither a symbol nor padding.
    expect(decodeValue(coded(bits('11111100')))).toBe('X');
    expect(() => decodeValue(coded(bits('11111111')))).toThrow(HpackError);
    expect(() => decodeValue(coded(bits('11111111 11111110')))).toThrow(HpackError);
  });

  it('RFC 7541 §5.2: what is wrong with a name is wrong as well', () => {
    expect(() => decode(decoder(), Buffer.concat([hex('40'), coded(hex('ff')), plain('v')]))).toThrow(
      HpackError,
    );
  });

  it.each([
    ['a plain value', '00 01 61 05 76 76'],
    ['a coded value', '00 01 61 85 1f'],
    ['a name', '00 7f 80 01 61'],
    ['a value of 2 GiB', '00 01 61 7f ff ff ff ff 07'],
  ])('RFC 7541 §5.2: %s that is longer than what is left of the block is an error', (_what, block) => {
    expect(() => decode(decoder(), block)).toThrow(/a string of \d+ bytes where \d+ are left/);
  });

  it.each([
    ['name', '40'],
    ['value', '44'],
    ['value after a name', '00 01 61'],
  ])('RFC 7541 §5.2: a block that ends before its %s is an error', (_what, block) => {
    expect(() => decode(decoder(), block)).toThrow(/ends before a string/);
  });

  it('RFC 7541 §5.2: the encoder codes what becomes shorter, and nothing else', () => {
    const encode = (value: string) => new HpackEncoder(4_096).encode([{ name: ':path', value }]);
    // 5 bits each: 8 characters are 5 bytes. 302 is 2 bytes, 307 would be 3.
    expect(encode('00000000')).toEqual(Buffer.concat([hex('04 85'), Buffer.alloc(5)]));
    expect(encode('302')).toEqual(hex('04 82 64 02'));
    expect(encode('307')).toEqual(hex('04 03 33 30 37'));
    expect(encode('\xff\xfe')).toEqual(hex('04 02 ff fe'));
  });

  it('what does not fit into the target is checked and counted, not kept', () => {
    const code = codeOfText('0123456789'.repeat(10));
    const target = Buffer.alloc(10, 0xaa);
    expect(huffmanDecode(code, 0, code.length, target.subarray(0, 5))).toBe(100);
    expect(target.toString('latin1')).toBe(`01234${'\xaa'.repeat(5)}`);
    expect(huffmanDecode(Buffer.concat([code, hex('ff ff ff ff')]), 0, code.length + 4, target)).toBe(-1);
  });
});
