import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FieldToSend, HpackEncoder } from '../../../../src/rpc/h2/hpack/encoder.js';
import { HpackError } from '../../../../src/rpc/h2/hpack/error.js';
import { ReferenceDecoder } from './reference.js';
import {
  coded,
  decode,
  decodeBlock,
  decoder,
  type Field,
  fieldsOf,
  index,
  integer,
  plain,
  sizeUpdate,
  tableOf,
} from './support.js';

const bytesText = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const text = fc.oneof(
  fc.constantFrom('', 'a', 'b', ':path', 'grpc-timeout', 'application/grpc'),
  bytesText(8),
  bytesText(400),
  fc.stringMatching(/^[a-z0-9-]{0,50}$/),
);
const field = fc.record<FieldToSend>(
  { name: text, value: text, remember: fc.boolean(), sensitive: fc.boolean() },
  { requiredKeys: ['name', 'value'] },
);
const lists = fc.array(fc.array(field, { maxLength: 10 }), { maxLength: 20 });

describe('any lists of any fields', () => {
  it('come back as they were sent, through tables of any size that change between them', () => {
    const sizes = fc.array(fc.option(fc.integer({ min: 0, max: 6_000 })), { maxLength: 20 });
    fc.assert(
      fc.property(lists, sizes, fc.constantFrom(0, 64, 4_096, 8_192), (sent, changes, wish) => {
        const encoder = new HpackEncoder(wish);
        const one = decoder({ maxTableBytes: 8_192 });
        const reference = new ReferenceDecoder(8_192);
        sent.forEach((list, i) => {
          for (const change of [changes[i * 2], changes[i * 2 + 1]]) {
            if (typeof change === 'number') encoder.setPeerTableBytes(change);
          }
          const block = encoder.encode(list);
          const expected = list.map(({ name, value }): Field => [name, value]);
          expect(decode(one, block)).toEqual(expected);
          expect(reference.decode(block)).toEqual(expected);
        });
        expect(tableOf(one)).toEqual(reference.table);
      }),
      { numRuns: 300 },
    );
  });

  it('a block that changed nothing may be sent again while the generation is the same', () => {
    fc.assert(
      fc.property(lists, (sent) => {
        const encoder = new HpackEncoder(4_096);
        const one = decoder();
        const kept: { generation: number; block: Buffer; fields: Field[] }[] = [];
        for (const list of sent) {
          const before = encoder.generation;
          const block = encoder.encode(list);
          const fields = list.map(({ name, value }): Field => [name, value]);
          expect(decode(one, block)).toEqual(fields);
          if (encoder.generation === before) kept.push({ generation: before, block, fields });
          for (const again of kept) {
            if (again.generation === encoder.generation)
              expect(decode(one, again.block)).toEqual(again.fields);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

// Blocks as no encoder of ours writes them: any representation, any index, odd lengths of integers.
const anyIndex = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 1, max: 61 }) },
  { weight: 10, arbitrary: fc.integer({ min: 62, max: 66 }) },
  { weight: 1, arbitrary: fc.nat(200) },
);
const CODED = ['1f', '07', '00000000', 'a8eb10649cbf', 'f1e3c2e5f23a6ba0ab90f4ff', '1fffff'];
const anyString = fc.oneof(
  { weight: 20, arbitrary: text.map(plain) },
  { weight: 10, arbitrary: fc.constantFrom(...CODED).map((code) => coded(Buffer.from(code, 'hex'))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map((bytes) => coded(Buffer.from(bytes))) },
);
const literalField = (pattern: number, prefixBits: number) =>
  fc.oneof(
    fc
      .tuple(anyString, anyString)
      .map(([name, value]) => Buffer.concat([Buffer.from([pattern]), name, value])),
    fc
      .tuple(anyIndex, anyString)
      .map(([i, value]) => Buffer.concat([integer(pattern, prefixBits, i), value])),
  );
const representation = fc.oneof(
  { weight: 6, arbitrary: anyIndex.map(index) },
  { weight: 4, arbitrary: literalField(0x40, 6) },
  { weight: 2, arbitrary: literalField(0x00, 4) },
  { weight: 1, arbitrary: literalField(0x10, 4) },
);
const update = fc.oneof(fc.constantFrom(0, 100, 4_096), fc.nat(5_000)).map(sizeUpdate);
const anyBlock = fc
  .tuple(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(update, { maxLength: 3 }) },
    ),
    fc.array(representation, { maxLength: 8 }),
  )
  .map(([updates, rest]) => Buffer.concat([...updates, ...rest]));
const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));

function outcome(run: () => Field[]): Field[] | 'wrong' {
  try {
    return run();
  } catch (error) {
    if (error instanceof HpackError || error instanceof RangeError) return 'wrong';
    throw error;
  }
}

describe('any blocks', () => {
  it('mean what the plainest decoder makes of them, also those that come again', () => {
    const sequence = fc
      .array(fc.oneof({ weight: 9, arbitrary: anyBlock }, { weight: 1, arbitrary: anyBytes }), {
        minLength: 1,
        maxLength: 12,
      })
      .chain((pool) => fc.array(fc.constantFrom(...pool), { maxLength: 40 }));
    fc.assert(
      fc.property(sequence, (blocks) => {
        let one = decoder();
        let reference = new ReferenceDecoder();
        const good: Buffer[] = [];
        for (const block of blocks) {
          const expected = outcome(() => reference.decode(block));
          expect(outcome(() => decode(one, block))).toEqual(expected);
          if (expected === 'wrong') {
            // Both are of no use any more: on with two that have read what came before.
            one = decoder();
            reference = new ReferenceDecoder();
            for (const before of good) expect(decode(one, before)).toEqual(reference.decode(before));
          } else {
            good.push(block);
          }
        }
        expect(tableOf(one)).toEqual(reference.table);
      }),
      { numRuns: 1_000 },
    );
  });

  it('under limits: the fields up to the limit, the true size, and the same table afterwards', () => {
    fc.assert(
      fc.property(
        fc.array(anyBlock, { maxLength: 10 }),
        fc.nat(600),
        fc.nat(6),
        (blocks, maxListBytes, maxFields) => {
          const one = decoder({ maxListBytes, maxFields });
          const reference = new ReferenceDecoder();
          for (const bytes of blocks) {
            const expected = outcome(() => reference.decode(bytes));
            if (expected === 'wrong') {
              expect(outcome(() => decode(one, bytes))).toBe('wrong');
              return;
            }
            const block = decodeBlock(one, bytes);
            const sizes = expected.map(([name, value]) => name.length + value.length + 32);
            const total = sizes.reduce((sum, size) => sum + size, 0);
            let room = maxListBytes;
            const whole = sizes.findIndex((size, i) => {
              room -= size;
              return room < 0 || i >= maxFields;
            });
            expect(block.size).toBe(total);
            expect(block.overLimit).toBe(whole !== -1);
            expect(fieldsOf(block)).toEqual(whole === -1 ? expected : expected.slice(0, whole));
          }
          const roomy = decoder({ maxListBytes: 1e6 });
          for (const bytes of blocks) decode(roomy, bytes);
          expect(reference.table).toEqual(tableOf(roomy));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('cut anywhere, a block is whole or wrong, and never reads beyond its end', () => {
    fc.assert(
      fc.property(anyBlock, anyBytes, (block, beyond) => {
        for (let end = 0; end <= block.length; end++) {
          const alone = outcome(() => decode(decoder(), Buffer.from(block.subarray(0, end))));
          const chunk = Buffer.concat([block.subarray(0, end), beyond]);
          expect(outcome(() => fieldsOf(decoder().decode(chunk, 0, end)))).toEqual(alone);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a hundred thousand broken blocks end in time, and leave nothing behind', () => {
    const pool = fc.sample(anyBlock, { numRuns: 500, seed: 7 }).filter((block) => block.length > 0);
    let one = decoder();
    const ends = { read: 0, wrong: 0 };
    const memory = () => {
      const { external, arrayBuffers } = process.memoryUsage();
      return external + arrayBuffers;
    };
    const before = memory();
    for (let i = 0; i < 100_000; i++) {
      const block = Buffer.from(pool[i % pool.length] ?? []);
      block[(i * 31) % block.length] = (i * 7) & 0xff;
      try {
        one.decode(block, 0, block.length);
        ends.read++;
      } catch (error) {
        if (!(error instanceof HpackError)) throw error;
        ends.wrong++;
        one = decoder();
      }
    }
    expect(ends.read).toBeGreaterThan(10_000);
    expect(ends.wrong).toBeGreaterThan(10_000);
    expect(memory() - before).toBeLessThan(64e6);
  });
});
