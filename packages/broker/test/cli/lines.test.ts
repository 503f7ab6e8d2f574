import { createEvent, type Event, MANIFEST_BUNDLES } from 'ce-broker-proto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compactJson } from '../../src/cli/events/data.js';
import { eventToLine } from '../../src/cli/events/line.js';
import { eventFromLine } from '../../src/cli/events/parse-line.js';

const NO_DEFAULTS = { subResource: 'spec' } as const;

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const timestamp = fc.record({
  seconds: fc.integer({ min: -62_135_596_799, max: 253_402_300_799 }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
});
const value = fc.oneof(
  text.map((value) => ({ kind: 'string', value }) as const),
  fc.boolean().map((value) => ({ kind: 'boolean', value }) as const),
  fc.integer().map((value) => ({ kind: 'integer', value }) as const),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => ({ kind: 'bytes', value: Buffer.from(bytes) }) as const),
  fc.webUrl().map((value) => ({ kind: 'uri', value }) as const),
  fc.constant({ kind: 'uriRef', value: '/a?b' } as const),
  timestamp.map((value) => ({ kind: 'timestamp', value }) as const),
);
const names = fc.constantFrom(
  ...[
    'clustername',
    'resourceid',
    'resourceversion',
    'deletiontimestamp',
    'originalsource',
    'metadata',
    'x1',
  ],
);
const data = fc.oneof(
  fc.constant(undefined),
  fc.json().map((json) => Buffer.from(json)),
  fc
    .constantFrom('null', '{"base64":"AA=="}', '{ "base64" : 1 }', '"a"', '12345678901234567890', '')
    .map((json) => Buffer.from(json)),
  text.map((value) => Buffer.from(value)),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
);
const event: fc.Arbitrary<Event> = fc
  .record({
    id: fc.uuid(),
    source: fc.constantFrom('hub', 'agent/1'),
    dataType: fc.constantFrom('com.example.v1.widgets', MANIFEST_BUNDLES),
    rest: fc.constantFrom('spec.create_request', 'status.resync_response'),
    time: fc.option(timestamp, { nil: undefined }),
    subject: fc.option(fc.constant('about'), { nil: undefined }),
    dataSchema: fc.option(fc.constant('https://example.com/s'), { nil: undefined }),
    contentType: fc.constantFrom(
      undefined,
      'application/json',
      'text/plain',
      'image/png',
      'application/x+json; v=1',
    ),
    extensions: fc.array(fc.tuple(names, value), { maxLength: 5 }),
    data,
  })
  .map(({ dataType, rest, contentType, data: bytes, ...others }) =>
    createEvent({
      ...others,
      type: `${dataType}.${rest}`,
      dataContentType: contentType,
      data: bytes === undefined ? undefined : { kind: 'binary', value: bytes },
    }),
  );

/** White space between the tokens of JSON may go; nothing else. */
function comparable(event: Event): unknown {
  const bytes = event.data?.kind === 'binary' ? Buffer.from(event.data.value) : undefined;
  const plain = bytes?.toString('latin1');
  const compact = bytes === undefined ? undefined : compactJson(bytes.toString('utf8'));
  return {
    ...event,
    data: compact === undefined ? plain : Buffer.from(compact).toString('latin1'),
    extensions: [...event.extensions].sort(([left], [right]) => (left < right ? -1 : 1)),
  };
}

test('an event comes back from its line as it was: kinds, times, data and content type', () => {
  fc.assert(
    fc.property(event, (original) => {
      const line = eventToLine(original);
      expect(line).not.toMatch(/[\r\n]/);
      expect(() => JSON.parse(line)).not.toThrow();
      expect(comparable(eventFromLine(line, NO_DEFAULTS))).toEqual(comparable(original));
    }),
    { numRuns: 1_000 },
  );
});

test('flags stand in for what a line does not say', () => {
  const built = eventFromLine('{"resourceId":"a","resourceVersion":3,"data":{}}', {
    source: 'hub',
    cluster: 'c1',
    type: 'com.example.v1.widgets',
    action: 'update_request',
    subResource: 'status',
    originalSource: 'other',
  });
  expect(built).toMatchObject({ source: 'hub', type: 'com.example.v1.widgets.status.update_request' });
  expect(Object.fromEntries(built.extensions)).toEqual({
    clustername: { kind: 'string', value: 'c1' },
    resourceid: { kind: 'string', value: 'a' },
    originalsource: { kind: 'string', value: 'other' },
    resourceversion: { kind: 'string', value: '3' },
  });
});

test('ManifestBundles get their version as an integer, which is what their readers expect', () => {
  const line = `{"source":"hub","type":"${MANIFEST_BUNDLES}.spec.create_request","cluster":"c","resourceVersion":3}`;
  expect(eventFromLine(line, NO_DEFAULTS).extensions.get('resourceversion')).toEqual({
    kind: 'integer',
    value: 3,
  });
});

test.each([
  ['{}', 'type is missing'],
  ['{"type":"a.b.c.spec.x"}', 'source is missing'],
  ['{"type":"a.b.c"}', 'action is missing'],
  ['{"type":"a.b.c.spec.x","action":"y","source":"s"}', 'action is "y", but type ends in "x"'],
  ['{"type":"a.b.c.spec.x","source":"s","time":"yesterday"}', 'time is "yesterday"'],
  ['{"type":"a.b.c.spec.x","source":"s","extensions":{"x":{"y":1}}}', 'extensions.x is {"y":1}'],
  ['{"type":"a.b.c.spec.x","source":"s","extensions":[]}', 'extensions must be an object'],
  ['{"type":"a.b.c.spec.x","source":3}', 'source is 3: it must be text or null'],
  ['{"type":"a.b.c.spec.x","source":"s","data":{"base64":"?"}}', 'data.base64 must be base64'],
  ['[]', 'must be a JSON object'],
])('the line %s is refused by name', (line, message) => {
  expect(() => eventFromLine(line, NO_DEFAULTS)).toThrow(message);
});
