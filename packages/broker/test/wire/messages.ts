import { type AttributeValue, encodeValue, WireWriter } from 'ce-broker-proto';
import * as fc from 'fast-check';

/** A value that any writer could set, with all kinds; integers and strings are the likely ones. */
export const attributeValue: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 4, arbitrary: text().map((value): AttributeValue => ({ kind: 'string', value })) },
  { weight: 3, arbitrary: fc.integer().map((value): AttributeValue => ({ kind: 'integer', value })) },
  fc.boolean().map((value): AttributeValue => ({ kind: 'boolean', value })),
  fc.uint8Array({ maxLength: 8 }).map((value): AttributeValue => ({ kind: 'bytes', value })),
  fc.webUrl().map((value): AttributeValue => ({ kind: 'uri', value })),
  fc.constantFrom('/a', 'b?c#d', '').map((value): AttributeValue => ({ kind: 'uriRef', value })),
  fc
    .record({
      seconds: fc.integer({ min: -1e11, max: 1e11 }),
      nanos: fc.integer({ min: 0, max: 999_999_999 }),
    })
    .map((value): AttributeValue => ({ kind: 'timestamp', value })),
);

const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...routingKeys()) },
  fc.constantFrom(
    'ce-id',
    'ce-Source',
    'ce-ResourceID',
    'resourceid',
    'clustername',
    'time',
    'datacontenttype',
    'id',
    '',
    'ce-',
    'ce-a-b',
  ),
  fc.stringMatching(/^ce-[a-z0-9]{1,12}$/),
  text(),
);

/** One part of a message: a field with its bytes. */
const part: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(key, attributeValue).map(([name, value]) => entry(name, value)) },
  { weight: 3, arbitrary: fitting() },
  fc
    .tuple(fc.constantFrom(1, 2, 4), text())
    .map(([field, value]) => new WireWriter().stringField(field, value, 'x').finish()),
  fc.uint8Array({ maxLength: 40 }).map((value) => new WireWriter().bytesField(6, value).finish()),
  text().map((value) => new WireWriter().stringField(7, value, 'x').finish()),
  fc.constant(
    new WireWriter().bytesField(8, new WireWriter().stringField(1, 'type.url/x', 'x').finish()).finish(),
  ),
  fc.constant(Buffer.from([0x78, 0x01])),
  fc.constant(Buffer.from([0x7b, 0x08, 0x01, 0x7c])),
);

/** Messages as the SDKs write them, with the likely ways of being wrong. */
const ordinary: fc.Arbitrary<Buffer> = fc
  .array(fc.oneof({ weight: 6, arbitrary: fitting() }, { weight: 1, arbitrary: part }), { maxLength: 9 })
  .map((parts) => Buffer.concat([specEvent(), ...parts]));

/** Messages of any shape that a protobuf writer could make: most are readable events. */
export const message: fc.Arbitrary<Buffer> = fc.oneof(
  ordinary,
  fc
    .tuple(
      fc.constantFrom('id-1', 'id ü', ' x '),
      fc.constantFrom('source1', 'a/b', 'http://x y', 's%zz', 'ü'),
      fc.constantFrom('1.0', '1.0', '1.0', '0.3', '2.0'),
      fc.constantFrom(
        'a.b.c.spec.d',
        'io.example.v1.things.status.update_request',
        ' a.b.c.spec.d',
        'a.b.spec.d',
        'ü.b.c.spec.d',
      ),
      fc.array(part, { maxLength: 10 }),
    )
    .map(([id, source, version, type, parts]) =>
      Buffer.concat([
        new WireWriter()
          .stringField(1, id, 'x')
          .stringField(2, source, 'x')
          .stringField(3, version, 'x')
          .stringField(4, type, 'x')
          .finish(),
        ...parts,
      ]),
    ),
);

/** A message with some of its bytes changed, removed, doubled or cut off. */
export const mutated: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(message, fc.array(damage(), { minLength: 1, maxLength: 3 }))
    .map(([bytes, changes]) => changes.reduce(change, bytes)),
  // One byte of what the SDKs write, changed into another sign: mostly still a message, and often one of the short way.
  fc
    .tuple(
      fc.array(fitting(), { maxLength: 2 }),
      fc.noBias(fc.nat(100_000)),
      fc.noBias(fc.integer({ min: 0x20, max: 0x7a })),
    )
    .map(([parts, at, byte]) => change(Buffer.concat([specEvent(), ...parts]), { at, how: 0, byte })),
);

/** A map entry of the attributes. */
export function entry(name: string, value: AttributeValue): Buffer {
  const inner = new WireWriter().stringField(1, name, 'x').bytesField(2, encodeValue(value, name)).finish();
  return new WireWriter().bytesField(5, inner).finish();
}

/** A message as the SDK writes it, with the given attributes behind those of a spec. */
export function specEvent(
  attributes: readonly (readonly [string, AttributeValue])[] = [],
  data = '{"a":1}',
): Buffer {
  return Buffer.concat([
    new WireWriter()
      .stringField(1, '5f0c2a3e-0000-4000-8000-000000000001', 'x')
      .stringField(2, 'source1', 'x')
      .stringField(3, '1.0', 'x')
      .stringField(4, 'io.example.v1.things.spec.create_request', 'x')
      .finish(),
    entry('contenttype', { kind: 'string', value: 'application/json' }),
    entry('ce-clustername', { kind: 'string', value: 'cluster1' }),
    entry('ce-originalsource', { kind: 'string', value: '' }),
    entry('ce-resourceid', { kind: 'string', value: 'r1' }),
    entry('ce-resourceversion', { kind: 'integer', value: 7 }),
    ...attributes.map(([name, value]) => entry(name, value)),
    new WireWriter().bytesField(6, Buffer.from(data)).finish(),
  ]);
}

function damage() {
  return fc.record({
    at: fc.noBias(fc.nat(100_000)),
    how: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2, 3, 4),
    byte: fc.oneof(
      fc.noBias(fc.integer({ min: 0, max: 255 })),
      fc.noBias(fc.integer({ min: 0x30, max: 0x7a })),
    ),
  });
}

function change(bytes: Buffer, { at, how, byte }: { at: number; how: number; byte: number }): Buffer {
  if (bytes.length === 0) return bytes;
  const pos = at % bytes.length;
  switch (how) {
    case 0: {
      const copy = Buffer.from(bytes);
      copy[pos] = byte;
      return copy;
    }
    case 1:
      return Buffer.concat([bytes.subarray(0, pos), bytes.subarray(pos + 1)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, pos), Buffer.from([byte]), bytes.subarray(pos)]);
    case 3:
      return Buffer.from(bytes.subarray(0, pos));
    default:
      return Buffer.concat([bytes, bytes.subarray(pos)]);
  }
}

/** Attributes as the SDK writes them, so that many messages take the short way. */
function fitting(): fc.Arbitrary<Buffer> {
  const string = (value: string): AttributeValue => ({ kind: 'string', value });
  return fc.oneof(
    fc.constantFrom('cluster1', 'cluster2', '').map((value) => entry('ce-clustername', string(value))),
    fc
      .oneof(
        { weight: 9, arbitrary: fc.constantFrom('application/json', 'text/plain') },
        fc.constantFrom('', ' text/plain', 'application/cloudevents+json'),
      )
      .map((value) => entry('contenttype', string(value))),
    fc
      .tuple(
        fc.constantFrom(
          'resourceid',
          'sequenceid',
          'statushash',
          'metadata',
          'logtracing',
          'subject',
          'probe',
        ),
        fc.constantFrom('r1', '', '{"a":1}', 'x'.repeat(70), 'ü'),
      )
      .map(([name, value]) => entry(`ce-${name}`, string(value))),
    fc
      .record({
        seconds: fc.oneof(fc.integer(), fc.integer({ min: -8.64e12, max: 8.64e12 })),
        nanos: fc.integer({ min: 0, max: 999_999_999 }),
      })
      .chain((value) =>
        fc
          .constantFrom('ce-time', 'ce-deletiontimestamp', 'ce-probe')
          .map((name) => entry(name, { kind: 'timestamp', value })),
      ),
    fc.integer().map((value) => entry('ce-probe', { kind: 'integer', value })),
    fc.boolean().map((value) => entry('ce-probe', { kind: 'boolean', value })),
    fc.constantFrom('text', 'ü', '').map((value) => new WireWriter().stringField(7, value, 'x').finish()),
    fc
      .oneof(
        { weight: 9, arbitrary: fc.constantFrom('2025-03-14T15:09:26Z', '2025-03-14T15:09:26.5+02:00') },
        fc.constantFrom('', 'x'),
      )
      .map((value) => entry('ce-deletiontimestamp', string(value))),
    fc
      .oneof(
        fc.bigInt().map(String),
        fc.constantFrom('9223372036854775807', '9223372036854775808', '+1', '1.0', 'ü'),
      )
      .map((value) => entry('ce-resourceversion', string(value))),
    fc.integer().map((value) => entry('ce-resourceversion', { kind: 'integer', value })),
  );
}

function text(): fc.Arbitrary<string> {
  return fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 6 }));
}

function routingKeys(): string[] {
  const names = [
    'clustername',
    'originalsource',
    'resourceid',
    'resourceversion',
    'deletiontimestamp',
    'sequenceid',
  ];
  const more = [
    'statushash',
    'metadata',
    'logtracing',
    'time',
    'subject',
    'dataschema',
    'datacontenttype',
    'probe',
  ];
  return ['contenttype', ...[...names, ...more].map((name) => `ce-${name}`)];
}
