import {
  type AttributeValue,
  CeBrokerError,
  createEvent,
  decodeEvent,
  type Event,
  type EventData,
  encodeEvent,
} from 'ce-broker-proto';
import { fromCloudEvent, toCloudEvent } from 'ce-broker-proto/cloudevents';
import { CloudEvent as GeneratedCloudEvent } from 'ce-broker-proto/service';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oracleDecode, oracleEncode } from './oracle.js';
import { comparable } from './vectors.js';

const timestamp = fc.record({
  seconds: fc.integer({ min: -62_135_596_799, max: 253_402_300_799 }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
});
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
/** Two slashes begin an authority, where escapes as "%00" are not allowed: such a reference is refused. */
const path = fc.webPath().filter((value) => !value.startsWith('//'));
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  text.map((value): AttributeValue => ({ kind: 'string', value })),
  fc.integer().map((value): AttributeValue => ({ kind: 'integer', value })),
  fc.boolean().map((value): AttributeValue => ({ kind: 'boolean', value })),
  fc.uint8Array({ maxLength: 9 }).map((value): AttributeValue => ({ kind: 'bytes', value })),
  fc.webUrl().map((value): AttributeValue => ({ kind: 'uri', value })),
  path.map((value): AttributeValue => ({ kind: 'uriRef', value })),
  timestamp.map((value): AttributeValue => ({ kind: 'timestamp', value })),
);
const data: fc.Arbitrary<EventData | undefined> = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 50 }).map((value): EventData => ({ kind: 'binary', value })),
    text.map((value): EventData => ({ kind: 'text', value })),
    fc
      .tuple(fc.constantFrom('t.url/x', ''), fc.uint8Array())
      .map(([typeUrl, value]): EventData => ({ kind: 'proto', typeUrl, value })),
  ),
  { nil: undefined },
);
const event: fc.Arbitrary<Event> = fc
  .record({
    id: fc.uuid(),
    source: fc.stringMatching(/^[a-z0-9/.-]{1,20}$/),
    type: fc.constantFrom('a.b.c.spec.d', 'ü.b.c.status.d'),
    time: fc.option(timestamp, { nil: undefined }),
    subject: fc.constantFrom(undefined, 'a subject/ü'),
    dataSchema: fc.constantFrom(undefined, 'urn:schema:1'),
    extensions: fc.uniqueArray(fc.tuple(fc.stringMatching(/^x[a-z0-9]{1,9}$/), value), {
      selector: ([name]) => name,
    }),
    data,
  })
  .map((init) => createEvent({ ...init, dataContentType: 'application/octet-stream' }));

describe('an event', () => {
  it('is the same after encoding and decoding', () => {
    fc.assert(
      fc.property(event, (original) => {
        expect(comparable(decodeEvent(encodeEvent(original)))).toEqual(comparable(original));
      }),
    );
  });

  it('that we write is read the same by google-protobuf', () => {
    fc.assert(
      fc.property(event, (original) => {
        expect(comparable(oracleDecode(encodeEvent(original)))).toEqual(comparable(original));
      }),
    );
  });

  it('that google-protobuf writes is read the same by us', () => {
    fc.assert(
      fc.property(event, (original) => {
        expect(comparable(decodeEvent(oracleEncode(original)))).toEqual(comparable(original));
      }),
    );
  });

  it('goes through the generated code and comes back as it was', () => {
    fc.assert(
      fc.property(event, (original) => {
        const bytes = GeneratedCloudEvent.encode(GeneratedCloudEvent.decode(encodeEvent(original))).finish();
        expect(comparable(decodeEvent(bytes))).toEqual(comparable(original));
      }),
    );
  });

  it('whose bytes were damaged gives an event or a CeBrokerError, and what is read can be written again', () => {
    const damage = fc.array(fc.tuple(fc.noBias(fc.nat(1000)), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(event, damage, fc.boolean(), (original, changes, cut) => {
        let bytes = Buffer.from(encodeEvent(original));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        if (cut) bytes = bytes.subarray(0, (changes[0]?.[0] ?? 0) % bytes.length);
        try {
          const read = decodeEvent(bytes);
          expect(comparable(decodeEvent(encodeEvent(read)))).toEqual(comparable(read));
        } catch (error) {
          expect(error).toBeInstanceOf(CeBrokerError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('with an integer over 32 bits, a bad name or a lone surrogate is not written', () => {
    const base = { id: 'i', source: 's', type: 'a.b.c.spec.d' };
    const write = (name: string, value: AttributeValue) => () =>
      encodeEvent(createEvent({ ...base, extensions: [[name, value]] }));
    expect(write('a', { kind: 'integer', value: 2 ** 31 })).toThrow(CeBrokerError);
    expect(write('A', { kind: 'integer', value: 1 })).toThrow(/lower-case/);
    expect(write('a', { kind: 'string', value: '\ud800' })).toThrow(/surrogate/);
  });
});

describe('structure that is refused', () => {
  const cases: Record<string, string> = {
    'field number 0': '0200',
    'wire type 6': '0e',
    'truncated length': '0a05',
    'length over the end': '0a0561',
    'overlong varint': '78ffffffffffffffffffff01',
    'end of a group that was not opened': '7c',
    'group closed by another end': '7b8401',
    'group that is not closed': '7b',
    'known field of another wire type': '0801',
    'entry with two values': '2a0a0a0012021001120210 02'.replaceAll(' ', ''),
    'entry without a value': '2a030a0161',
  };
  for (const [name, hex] of Object.entries(cases)) {
    it(name, () => {
      const bytes = Buffer.concat([
        encodeEvent(createEvent({ id: 'i', source: 's', type: 't', subject: 'x' })),
        Buffer.from(hex, 'hex'),
      ]);
      expect(() => decodeEvent(bytes)).toThrow(CeBrokerError);
    });
  }
});

describe('the cloudevents package', () => {
  it('gets parsed JSON, and gives it back with integers, booleans and the deletion time in their kinds', () => {
    const original = createEvent({
      id: 'i',
      source: 's',
      type: 'a.b.c.spec.d',
      time: { seconds: 1_700_000_000, nanos: 5 },
      dataContentType: 'application/json',
      extensions: [
        ['resourceversion', { kind: 'integer', value: 3 }],
        ['flag', { kind: 'boolean', value: true }],
        ['link', { kind: 'uri', value: 'https://example.com/x' }],
        ['deletiontimestamp', { kind: 'timestamp', value: { seconds: 1_700_000_000, nanos: 123_456_789 } }],
      ],
      data: { kind: 'binary', value: Buffer.from('{"a":[1,"ü"]}') },
    });
    const cloudEvent = toCloudEvent(original);
    expect(cloudEvent.data).toEqual({ a: [1, 'ü'] });
    expect(cloudEvent['resourceversion']).toBe(3);
    expect(comparable(fromCloudEvent(cloudEvent, { link: 'uri' }))).toEqual(comparable(original));
  });

  it('is refused when the data is not the JSON that it claims to be', () => {
    const broken = createEvent({
      id: 'i',
      source: 's',
      type: 't',
      dataContentType: 'application/json',
      data: { kind: 'text', value: '{' },
    });
    expect(() => toCloudEvent(broken)).toThrow(CeBrokerError);
  });
});
