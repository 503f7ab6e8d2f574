import { expect, test } from 'vitest';
import { encodeLiteralHeaders, encodeRequestHeaders, HpackDecoder } from '../../src/cli/load/hpack.js';

const decode = (decoder: HpackDecoder, block: Buffer) => {
  const fields: [string, string][] = [];
  decoder.decode(block, 0, block.length, (name, value) => fields.push([name, value]));
  return fields;
};
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

// RFC 7541, C.6: responses with Huffman coding (the table there is smaller, so nothing here relies on eviction).
test('the Huffman-coded responses of RFC 7541 decode, one after the other on one table', () => {
  const decoder = new HpackDecoder();
  expect(
    decode(
      decoder,
      hex(
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      ),
    ),
  ).toEqual([
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ]);
  expect(decode(decoder, hex('4883 640e ffc1 c0bf'))).toEqual([
    [':status', '307'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ]);
});

const request: [string, string][] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/io.cloudevents.v1.CloudEventService/Publish'],
  [':authority', '127.0.0.1:8090'],
  ['te', 'trailers'],
  ['authorization', `Bearer ${'t'.repeat(300)}`],
];

test('both blocks of a request say the same headers, and the later one is indexes only', () => {
  const decoder = new HpackDecoder();
  const blocks = encodeRequestHeaders(request);
  expect(decode(decoder, blocks.first)).toEqual(request);
  expect(decode(decoder, blocks.later)).toEqual(request);
  expect(decode(decoder, blocks.later)).toEqual(request);
  expect(blocks.later.length).toBe(request.length);
});

test('a peer without a table gets literals each time', () => {
  const decoder = new HpackDecoder();
  const blocks = encodeLiteralHeaders(request);
  expect(decode(decoder, blocks.first)).toEqual(request);
  expect(decode(decoder, blocks.later)).toEqual(request);
});

test('an evicted entry is no longer found', () => {
  const decoder = new HpackDecoder();
  const entry = encodeRequestHeaders([['x-large', 'v'.repeat(3_000)]]);
  decode(decoder, entry.first);
  expect(decode(decoder, entry.later)).toEqual([['x-large', 'v'.repeat(3_000)]]);
  decode(decoder, encodeRequestHeaders([['y-large', 'w'.repeat(3_000)]]).first);
  expect(() => decode(decoder, Buffer.from([0x80 | 63]))).toThrow('names nothing');
});

test.each([
  ['index zero', '80'],
  ['an index past the table', 'ff80ffffff7f'],
  ['a string that is cut', '400a6162'],
  ['a Huffman string whose padding is not all ones', '0081180161'],
  ['a table larger than offered', '3fe2ff03'],
])('a broken block is refused: %s', (_what, bytes) => {
  expect(() => decode(new HpackDecoder(), hex(bytes))).toThrow();
});
