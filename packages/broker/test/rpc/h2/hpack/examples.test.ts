import { describe, expect, it } from 'vitest';
import { HpackEncoder } from '../../../../src/rpc/h2/hpack/encoder.js';
import { decode, decoder, type Field, hex, integer, sizeUpdate, tableBytes, tableOf } from './support.js';

interface Step {
  readonly block: string;
  readonly fields: Field[];
  readonly table: Field[];
  readonly size: number;
}

/** Plays blocks of one connection, and looks at the table after each. */
function play(tableSize: number, steps: readonly Step[]): void {
  const one = decoder();
  decode(one, sizeUpdate(tableSize));
  for (const { block, fields, table, size } of steps) {
    expect(decode(one, block)).toEqual(fields);
    expect(tableOf(one)).toEqual(table);
    expect(tableBytes(one)).toBe(size);
  }
}

/** The same blocks, as far as our encoder codes strings as the examples do. */
function encodeAll(encoder: HpackEncoder, steps: readonly Step[]): void {
  for (const { block, fields } of steps) {
    const sent = encoder.encode(fields.map(([name, value]) => ({ name, value, remember: true })));
    expect(sent.toString('hex')).toBe(hex(block).toString('hex'));
  }
}

describe('RFC 7541 Appendix C.1: integers', () => {
  it.each([
    ['C.1.1', 10, 5, '0a'],
    ['C.1.2', 1_337, 5, '1f 9a 0a'],
    ['C.1.3', 42, 8, '2a'],
  ])('RFC 7541 Appendix %s: %d with a prefix of %d bits', (_section, value, prefixBits, bytes) => {
    expect(integer(0, prefixBits, value)).toEqual(hex(bytes));
  });

  it('RFC 7541 Appendix C.1.2: read as a size, and written as one', () => {
    expect(decode(decoder(), '3f 9a 0a')).toEqual([]);
    expect(new HpackEncoder(1_337).encode([])).toEqual(hex('3f 9a 0a'));
  });
});

describe('RFC 7541 Appendix C.2: single fields', () => {
  it.each<[section: string, block: string, field: Field, table: Field[]]>([
    [
      'C.2.1',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      ['custom-key', 'custom-header'],
      [['custom-key', 'custom-header']],
    ],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path'], []],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret'], []],
    ['C.2.4', '82', [':method', 'GET'], []],
  ])('RFC 7541 Appendix %s', (_section, block, field, table) => {
    const one = decoder();
    expect(decode(one, block)).toEqual([field]);
    expect(tableOf(one)).toEqual(table);
  });
});

const AUTHORITY: Field = [':authority', 'www.example.com'];
const CUSTOM: Field = ['custom-key', 'custom-value'];
const NO_CACHE: Field = ['cache-control', 'no-cache'];

function requests(first: string, second: string, third: string): Step[] {
  return [
    {
      block: first,
      fields: [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], AUTHORITY],
      table: [AUTHORITY],
      size: 57,
    },
    {
      block: second,
      fields: [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], AUTHORITY, NO_CACHE],
      table: [NO_CACHE, AUTHORITY],
      size: 110,
    },
    {
      block: third,
      fields: [[':method', 'GET'], [':scheme', 'https'], [':path', '/index.html'], AUTHORITY, CUSTOM],
      table: [CUSTOM, NO_CACHE, AUTHORITY],
      size: 164,
    },
  ];
}

describe('RFC 7541 Appendix C.3 and C.4: requests', () => {
  const coded = requests(
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    '8286 84be 5886 a8eb 1064 9cbf',
    '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
  );

  it('RFC 7541 Appendix C.3: without Huffman coding', () => {
    play(
      4_096,
      requests(
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ),
    );
  });

  it('RFC 7541 Appendix C.4: with Huffman coding', () => {
    play(4_096, coded);
  });

  it('RFC 7541 Appendix C.4: our encoder writes the same bytes', () => {
    encodeAll(new HpackEncoder(4_096), coded);
  });
});

const PRIVATE: Field = ['cache-control', 'private'];
const LOCATION: Field = ['location', 'https://www.example.com'];
const DATE_21: Field = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
const DATE_22: Field = ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const GZIP: Field = ['content-encoding', 'gzip'];
const COOKIE: Field = ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'];

function responses(first: string, second: string, third: string): Step[] {
  return [
    {
      block: first,
      fields: [[':status', '302'], PRIVATE, DATE_21, LOCATION],
      table: [LOCATION, DATE_21, PRIVATE, [':status', '302']],
      size: 222,
    },
    {
      block: second,
      fields: [[':status', '307'], PRIVATE, DATE_21, LOCATION],
      table: [[':status', '307'], LOCATION, DATE_21, PRIVATE],
      size: 222,
    },
    {
      block: third,
      fields: [[':status', '200'], PRIVATE, DATE_22, LOCATION, GZIP, COOKIE],
      table: [COOKIE, GZIP, DATE_22],
      size: 215,
    },
  ];
}

describe('RFC 7541 Appendix C.5 and C.6: responses, with a table of 256 bytes', () => {
  it('RFC 7541 Appendix C.5: without Huffman coding, with eviction', () => {
    play(
      256,
      responses(
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
         3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
        '4803 3330 37c1 c0bf',
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
         7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
         6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
      ),
    );
  });

  const coded = responses(
    `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
     1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
    '4883 640e ffc1 c0bf',
    `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
     e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
  );

  it('RFC 7541 Appendix C.6: with Huffman coding, with eviction', () => {
    play(256, coded);
  });

  it('RFC 7541 Appendix C.6: our encoder writes the same bytes, and 307 plain because its code is no shorter', () => {
    const encoder = new HpackEncoder(256);
    expect(encoder.encode([])).toEqual(sizeUpdate(256));
    encodeAll(
      encoder,
      coded.map((step) => ({ ...step, block: step.block.replace('4883 640e ff', '4803 3330 37') })),
    );
  });
});
