import { describe, expect, it } from 'vitest';
import { type FieldToSend, HpackEncoder } from '../../../../src/rpc/h2/hpack/encoder.js';
import { decode, decoder, type Field, hex, index, integer, plain, sizeUpdate, tableOf } from './support.js';

const CONTENT_TYPE: FieldToSend = { name: 'content-type', value: 'application/grpc', remember: true };
const STATUS_OK: FieldToSend = { name: ':status', value: '200' };
/** Characters with long codes, which are shorter without Huffman coding. */
const ODD = '\x01\x02\x03';

describe('representations that the encoder chooses', () => {
  it('RFC 7541 §6.1: whole fields of the static table are indexed', () => {
    expect(new HpackEncoder(4_096).encode([STATUS_OK])).toEqual(index(8));
  });

  it('RFC 7541 §6.2.1: what is to be remembered is entered, and indexed from then on', () => {
    const encoder = new HpackEncoder(4_096);
    const field = { name: ODD, value: ODD, remember: true };
    expect(encoder.encode([field, field])).toEqual(
      Buffer.concat([hex('40'), plain(ODD), plain(ODD), index(62)]),
    );
    expect(encoder.encode([field])).toEqual(index(62));
    // Without `remember` it is found as well.
    expect(encoder.encode([{ name: ODD, value: ODD }])).toEqual(index(62));
  });

  it('RFC 7541 §6.2.1 and §6.2.2: names come from the tables, the static one first', () => {
    const encoder = new HpackEncoder(4_096);
    expect(encoder.encode([{ name: 'content-type', value: ODD, remember: true }])).toEqual(
      Buffer.concat([integer(0x40, 6, 31), plain(ODD)]),
    );
    expect(encoder.encode([{ name: 'content-type', value: '' }])).toEqual(index(31));
    expect(encoder.encode([{ name: 'content-type', value: '\x01' }])).toEqual(
      Buffer.concat([hex('0f 10'), plain('\x01')]),
    );
    encoder.encode([{ name: ODD, value: '', remember: true }]);
    expect(encoder.encode([{ name: ODD, value: '\x01' }])).toEqual(
      Buffer.concat([hex('0f 2f'), plain('\x01')]),
    );
  });

  it('RFC 7541 §6.2.3 and §7.1.3: secrets are never indexed, whatever the tables hold', () => {
    const encoder = new HpackEncoder(4_096);
    const secret = { name: 'authorization', value: ODD, sensitive: true, remember: true };
    const expected = Buffer.concat([hex('1f 08'), plain(ODD)]);
    expect(encoder.encode([secret])).toEqual(expected);
    encoder.encode([{ ...secret, sensitive: false }]);
    expect(encoder.encode([secret])).toEqual(expected);
    expect(encoder.encode([{ name: ODD, value: ODD, sensitive: true }])).toEqual(
      Buffer.concat([hex('10'), plain(ODD), plain(ODD)]),
    );
    expect(encoder.encode([{ name: ':status', value: '200', sensitive: true }])[0]).toBe(0x18);
  });

  it('RFC 7541 §4.4: what would empty the table is not entered', () => {
    const encoder = new HpackEncoder(100);
    const one = decoder();
    const small = { name: 'a', value: 'b', remember: true };
    const large = { name: 'large', value: 'x'.repeat(100), remember: true };
    expect(decode(one, encoder.encode([small, large, small]))).toEqual([
      ['a', 'b'],
      ['large', large.value],
      ['a', 'b'],
    ]);
    expect(tableOf(one)).toEqual([['a', 'b']]);
  });

  it('characters beyond latin1 go out as question marks, not as the control characters that their low bytes are', () => {
    const block = new HpackEncoder(4_096).encode([{ name: 'a\u010a', value: '\u010a\u{1f60d}\xff\u0100' }]);
    expect(decode(decoder(), block)).toEqual([['a?', '???\xff?']]);
  });

  it('RFC 7541 §2.1: the encoder keeps the order of fields, repeated ones too', () => {
    const fields: Field[] = [
      ['b', '1'],
      [':status', '200'],
      ['a', '2'],
      ['b', '3'],
      [':status', '200'],
      ['b', '1'],
    ];
    const encoder = new HpackEncoder(4_096);
    const one = decoder();
    for (const remember of [false, true, true]) {
      const block = encoder.encode(fields.map(([name, value]) => ({ name, value, remember })));
      expect(decode(one, block)).toEqual(fields);
    }
  });

  it('an empty list is an empty block', () => {
    expect(new HpackEncoder(4_096).encode([])).toEqual(Buffer.alloc(0));
  });
});

describe('RFC 7541 §4.2: size updates that the encoder sends', () => {
  it('RFC 7541 §4.2: none while the size stays what it was', () => {
    const encoder = new HpackEncoder(4_096);
    encoder.setPeerTableBytes(4_096);
    encoder.setPeerTableBytes(65_536);
    expect(encoder.encode([STATUS_OK])).toEqual(index(8));
  });

  it('RFC 7541 §4.2: at the beginning of the first block after the change, once', () => {
    const encoder = new HpackEncoder(4_096);
    encoder.setPeerTableBytes(100);
    expect(encoder.encode([STATUS_OK])).toEqual(Buffer.concat([sizeUpdate(100), index(8)]));
    expect(encoder.encode([STATUS_OK])).toEqual(index(8));
    encoder.setPeerTableBytes(100);
    expect(encoder.encode([STATUS_OK])).toEqual(index(8));
  });

  it('RFC 7541 §4.2: the smallest size and the last when it changed more than once', () => {
    const encoder = new HpackEncoder(4_096);
    for (const bytes of [2_000, 0, 500, 4_096, 1_000]) encoder.setPeerTableBytes(bytes);
    expect(encoder.encode([STATUS_OK])).toEqual(Buffer.concat([sizeUpdate(0), sizeUpdate(1_000), index(8)]));
  });

  it('RFC 7541 §4.2: one when the smallest is the last', () => {
    const encoder = new HpackEncoder(4_096);
    for (const bytes of [2_000, 500, 1_000, 500]) encoder.setPeerTableBytes(bytes);
    expect(encoder.encode([])).toEqual(sizeUpdate(500));
  });

  it('RFC 9113 §4.3.1: also when the peer lowers its limit to what the table has anyway', () => {
    const encoder = new HpackEncoder(4_096);
    encoder.setPeerTableBytes(10_000);
    encoder.setPeerTableBytes(5_000);
    expect(encoder.encode([])).toEqual(sizeUpdate(4_096));
  });

  it('RFC 7541 §4.2: never above the limit of the peer, nor above our own wish', () => {
    const encoder = new HpackEncoder(8_192);
    expect(encoder.encode([])).toEqual(Buffer.alloc(0));
    encoder.setPeerTableBytes(6_000);
    expect(encoder.encode([])).toEqual(sizeUpdate(6_000));
    encoder.setPeerTableBytes(2 ** 32 - 1);
    expect(encoder.encode([])).toEqual(sizeUpdate(8_192));
    expect(new HpackEncoder(0).encode([])).toEqual(sizeUpdate(0));
  });

  it('RFC 7541 §4.3: entries that went with the smaller size are entered again', () => {
    const encoder = new HpackEncoder(4_096);
    const one = decoder();
    decode(one, encoder.encode([CONTENT_TYPE]));
    encoder.setPeerTableBytes(0);
    encoder.setPeerTableBytes(4_096);
    const block = encoder.encode([CONTENT_TYPE]);
    expect(block.length).toBeGreaterThan(5);
    expect(decode(one, block)).toEqual([['content-type', 'application/grpc']]);
    expect(tableOf(one)).toHaveLength(1);
    expect(encoder.encode([CONTENT_TYPE])).toEqual(index(62));
  });

  it('RFC 7541 §4.2: with a table of 0 bytes nothing is entered', () => {
    const encoder = new HpackEncoder(4_096);
    encoder.setPeerTableBytes(0);
    const first = encoder.encode([CONTENT_TYPE]);
    expect(first.subarray(1)).toEqual(encoder.encode([CONTENT_TYPE]));
    expect(first[1]).toBe(0x0f);
  });
});

describe('generation: whether a block may be sent again', () => {
  it('stays while blocks change nothing', () => {
    const encoder = new HpackEncoder(4_096);
    const before = encoder.generation;
    encoder.encode([STATUS_OK, { name: 'x', value: 'y' }, { name: 'z', value: '1', sensitive: true }]);
    encoder.setPeerTableBytes(4_096);
    encoder.setPeerTableBytes(8_192);
    expect(encoder.generation).toBe(before);
  });

  it('changes with each entry, with a size update that is due, and when it is sent', () => {
    const encoder = new HpackEncoder(4_096);
    const seen = [encoder.generation];
    encoder.encode([CONTENT_TYPE]);
    seen.push(encoder.generation);
    encoder.encode([CONTENT_TYPE]);
    expect(encoder.generation).toBe(seen.at(-1));
    encoder.setPeerTableBytes(1_000);
    seen.push(encoder.generation);
    encoder.encode([]);
    seen.push(encoder.generation);
    expect(new Set(seen).size).toBe(seen.length);
  });
});
