import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from 'node:http2';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type FieldToSend, HpackEncoder } from '../../../../src/rpc/h2/hpack/encoder.js';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import { dial, headersFrames, listen, PING_FRAME, PREFACE, readFrames, settingsFrame } from './frames.js';
import { decodeBlock, decoder, type Field, fieldsOf, hex, tableOf } from './support.js';

/** Node's http2 is nghttp2: what it encodes we must read, what we encode it must read, and what it refuses we must refuse. */
const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

// Values that HTTP allows: no control characters, no blanks at the ends.
const value = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom('0', '1', 'application/grpc', 'trailers', '5S', 'a', '') },
    { weight: 2, arbitrary: fc.stringMatching(/^[a-zA-Z0-9 /.,:;=%_-]{0,60}$/) },
    { weight: 1, arbitrary: fc.stringMatching(/^[!-~\xa1-\xff]{0,300}$/) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1_000, max: 9_000 }).map((length) => 'long '.repeat(length / 5)),
    },
  )
  .map((text) => text.trim());
const name = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('x-a', 'x-b', 'x-request-id', 'grpc-timeout', 'user-agent', 'accept'),
  },
  { weight: 1, arbitrary: fc.stringMatching(/^x-[a-z0-9_.-]{1,40}$/) },
);
const fields = fc.uniqueArray(fc.tuple(name, value), { maxLength: 12, selector: ([key]) => key });
const path = fc.oneof(fc.constantFrom('/', '/a.B/C'), fc.stringMatching(/^\/[a-zA-Z0-9/.]{0,50}$/));
const request = fc
  .tuple(path, fields)
  .map(([text, rest]): Field[] => [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':authority', 'broker.example:8090'],
    [':path', text],
    ...rest,
  ]);
const requests = fc.array(request, { minLength: 1, maxLength: 40 });
const tableBytes = fc.constantFrom(0, 40, 200, 1_000, 4_095, 4_096, 4_097, 20_000, 65_536);

describe('what nghttp2 encodes', () => {
  async function received(sent: readonly Field[][], bytes: number, secret: string): Promise<Field[][]> {
    const lists: Field[][] = [];
    const ours = decoder({ maxTableBytes: bytes, maxListBytes: 1e6 });
    let failure: unknown;
    const { server, port } = await listen((socket) => {
      socket.on('error', () => undefined);
      socket.write(settingsFrame(bytes));
      readFrames(
        socket,
        {
          headers(stream, block) {
            try {
              lists.push(fieldsOf(decodeBlock(ours, block)));
            } catch (error) {
              failure ??= error;
            }
            socket.write(headersFrames(stream, hex('88')));
          },
          settingsAcknowledged: () => ours.settingsAcknowledged(),
        },
        PREFACE.length,
      );
    });
    const client: ClientHttp2Session = connect(`http://127.0.0.1:${port}`, {
      maxDeflateDynamicTableSize: 65_536,
    });
    toClose.push(
      () => client.destroy(),
      () => server.close(),
    );
    for (const [i, list] of sent.entries()) {
      const headers: OutgoingHttpHeaders = Object.fromEntries(list);
      headers['x-secret'] = secret;
      headers[sensitiveHeaders as unknown as string] = ['x-secret'];
      const stream = client.request(headers, { endStream: true });
      stream.resume();
      // Some one by one, some at once.
      if (i % 3 === 0) await once(stream, 'close');
      else if (i === sent.length - 1) await once(stream, 'close');
    }
    client.destroy();
    server.close();
    if (failure !== undefined) throw failure;
    expect(tableOf(ours).filter(([key]) => key === 'x-secret')).toEqual([]);
    return lists;
  }

  it('is what we decode, with tables of any size and Huffman coding', async () => {
    await fc.assert(
      fc.asyncProperty(requests, tableBytes, async (sent, bytes) => {
        const secret = 'not for the table';
        const expected = sent.map((list) => [...list, ['x-secret', secret]]);
        expect(await received(sent, bytes, secret)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

/** A server of Node's, and what its next streams bring. */
async function nodeServer(headerTableSize: number): Promise<{ port: number; server: Http2Server }> {
  const server = createServer({ settings: { headerTableSize } });
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return { port: address.port, server };
}

describe('what we encode', () => {
  async function read(lists: FieldToSend[][], sizes: number[], wish: number): Promise<Field[][]> {
    const { port, server } = await nodeServer(sizes[0] ?? 4_096);
    const seen: Field[][] = [];
    let session: ServerHttp2Session | undefined;
    server.on('session', (opened) => {
      session = opened;
    });
    let arrived = (): void => undefined;
    server.on('stream', (stream: ServerHttp2Stream, _headers: unknown, _flags: unknown, raw: string[]) => {
      stream.on('error', () => undefined);
      const pairs: Field[] = [];
      for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i] ?? '', raw[i + 1] ?? '']);
      seen.push(pairs);
      stream.respond({ ':status': 200 }, { endStream: true });
      arrived();
    });
    const socket = await dial(port);
    const encoder = new HpackEncoder(wish);
    let goaway: number | undefined;
    const ended = once(socket, 'close');
    let settled = (): void => undefined;
    readFrames(socket, {
      settings(bytes) {
        if (bytes !== undefined) encoder.setPeerTableBytes(bytes);
        settled();
      },
      goaway(code) {
        goaway = code;
      },
    });
    socket.write(Buffer.concat([PREFACE, settingsFrame(undefined)]));
    let size = 1;
    for (const [i, list] of lists.entries()) {
      const here = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      socket.write(headersFrames(i * 2 + 1, encoder.encode(list)));
      await Promise.race([here, ended]);
      // The table changes its size while the connection lives, twice between two blocks.
      if (i % 4 === 3) {
        for (let change = 0; change < 2; change++) {
          const told = new Promise<void>((resolve) => {
            settled = resolve;
          });
          session?.settings({ headerTableSize: sizes[size++ % sizes.length] ?? 4_096 });
          await Promise.race([told, ended]);
        }
      }
    }
    socket.destroy();
    server.close();
    expect(goaway).toBeUndefined();
    return seen;
  }

  it('is what nghttp2 decodes, with tables of any size that change, entries, secrets and Huffman coding', async () => {
    const marks = fc.record({ remember: fc.boolean(), sensitive: fc.boolean() }, { requiredKeys: [] });
    const marked = request.chain((list) =>
      fc
        .array(marks, { minLength: list.length, maxLength: list.length })
        .map((all) => list.map(([key, text], i): FieldToSend => ({ name: key, value: text, ...all[i] }))),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(marked, { minLength: 1, maxLength: 25 }),
        fc.array(tableBytes, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(0, 100, 4_096, 16_384),
        async (lists, sizes, wish) => {
          const expected = lists.map((list) => list.map(({ name: key, value: text }): Field => [key, text]));
          expect(await read(lists, sizes, wish)).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('what is broken', () => {
  const COMPRESSION_ERROR = 9;

  /** What nghttp2 says of blocks sent one after the other: the code of GOAWAY, or 0 while the connection lives. */
  async function verdict(blocks: readonly Buffer[]): Promise<number> {
    const { port, server } = await nodeServer(4_096);
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 }, { endStream: true });
    });
    const socket = await dial(port);
    socket.on('error', () => undefined);
    const code = await new Promise<number>((resolve) => {
      readFrames(socket, { pong: () => resolve(0), goaway: resolve });
      socket.on('close', () => resolve(-1));
      socket.write(
        Buffer.concat([
          PREFACE,
          settingsFrame(undefined),
          ...blocks.map((block, i) => headersFrames(i * 2 + 1, block)),
          PING_FRAME,
        ]),
      );
    });
    socket.destroy();
    server.close();
    return code;
  }

  function ourVerdict(blocks: readonly Buffer[]): number {
    const one = decoder();
    try {
      for (const block of blocks) decodeBlock(one, block);
      return 0;
    } catch (error) {
      if (error instanceof HpackError) return COMPRESSION_ERROR;
      throw error;
    }
  }

  it.each([
    ['index 0', '80'],
    ['an index beyond the table', 'c0'],
    ['a name beyond the table', '7f 00 00'],
    ['a size update after a field', '82 20'],
    ['a size update above the setting', '3f e2 1f'],
    ['padding of 8 bits', '04 82 07 ff'],
    ['padding of zeros', '04 81 00'],
    ['EOS', '04 84 ff ff ff ff'],
    ['an endless integer', 'ff ff ff ff ff ff ff ff ff'],
    ['a string beyond the block', '04 05 61'],
    ['a block that ends within an integer', 'ff 80'],
    ['a block that ends before a value', '04'],
  ])('%s is a COMPRESSION_ERROR to both', async (_what, block) => {
    expect(ourVerdict([hex(block)])).toBe(COMPRESSION_ERROR);
    expect(await verdict([hex(block)])).toBe(COMPRESSION_ERROR);
  });

  it('mutated blocks are read by both or refused by both', async () => {
    const mutation = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('set', 'flip', 'insert', 'remove', 'cut'),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xbe, 0xff)),
    });
    const mutate = (
      block: Buffer,
      { at, kind, byte }: { at: number; kind: string; byte: number },
    ): Buffer => {
      const place = at % (block.length + 1);
      const before = block.subarray(0, place);
      const after = block.subarray(place);
      if (kind === 'cut') return before;
      if (kind === 'insert') return Buffer.concat([before, Buffer.from([byte]), after]);
      if (after.length === 0) return block;
      if (kind === 'remove') return Buffer.concat([before, after.subarray(1)]);
      const changed = kind === 'set' ? byte : (after[0] ?? 0) ^ (1 << (byte & 7));
      return Buffer.concat([before, Buffer.from([changed]), after.subarray(1)]);
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 4 }),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        async (lists, mutations) => {
          const encoder = new HpackEncoder(4_096);
          const blocks = lists.map((list) =>
            encoder.encode(
              list.map(([key, text]) => ({ name: key, value: text, remember: text.length < 50 })),
            ),
          );
          const last = mutations.reduce(mutate, blocks.pop() ?? Buffer.alloc(0));
          blocks.push(last);
          expect(await verdict(blocks)).toBe(ourVerdict(blocks));
        },
      ),
      { numRuns: 250 },
    );
  });
});
