import {
  decodeEvent,
  readClusterName,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
} from 'ce-broker-proto';
import { expect, test } from 'vitest';
import { clusterName, type EventShape, EventTemplate } from '../../src/cli/load/event-template.js';

const shape: EventShape = {
  kind: 'spec',
  source: 'bench',
  dataType: 'io.open-cluster-management.works.v1alpha1.manifestbundles',
  payloadBytes: 1_024,
  clusters: 3,
  resourcePrefix: 'be9c4000-0000-4000-8000-',
};

/** The CloudEvent inside a request body, decoded. */
function eventIn(template: EventTemplate, body: Buffer) {
  return decodeEvent(body.subarray(body.length - template.eventBytes));
}

test('an event decodes to seven attributes with the resource, its cluster, owner and version', () => {
  const template = new EventTemplate(shape);
  const event = eventIn(template, template.next(4, 1, 123));
  expect(event.type).toBe(`${shape.dataType}.spec.create_request`);
  expect(event.source).toBe('bench');
  expect(event.dataContentType).toBe('application/json');
  expect(event.time).toBeDefined();
  expect(readResourceId(event)).toBe('be9c4000-0000-4000-8000-000000000004');
  expect(readClusterName(event)).toBe(clusterName(1));
  expect(readOriginalSource(event)).toBe('bench');
  expect(readResourceVersion(event)).toBe(1n);
  // Five extensions, the content type and the time.
  expect(event.extensions.size + 2).toBe(7);
  expect(template.eventBytes).toBeGreaterThan(1_350);
  expect(template.eventBytes).toBeLessThan(1_450);
});

test.each([1, 127, 128, 16_383, 16_384, 2_097_152, 2 ** 31 - 1])(
  'version %d is written as it is',
  (version) => {
    const template = new EventTemplate(shape);
    const body = template.next(0, version, 0);
    const request = body.readUInt32BE(1);
    expect(body.length).toBe(request + 5);
    const lengthBytes = body[7] === undefined || (body[6] ?? 0) < 128 ? 1 : 2;
    const event = decodeEvent(body.subarray(6 + lengthBytes));
    expect(readResourceVersion(event)).toBe(BigInt(version));
    expect(event.type.endsWith(version === 1 ? 'create_request' : 'update_request')).toBe(true);
  },
);

test('a status names its agent, its owner and a sequence that grows', () => {
  const template = new EventTemplate({ ...shape, kind: 'status' });
  const first = eventIn(template, template.next(5, 1, 0));
  const second = eventIn(template, template.next(5, 2, 0));
  expect(first.source).toBe(`${clusterName(2)}-agent`);
  expect(readOriginalSource(first)).toBe('bench');
  expect(first.type).toBe(`${shape.dataType}.status.create_request`);
  expect((readSequenceId(second) ?? '') > (readSequenceId(first) ?? '')).toBe(true);
});

test('the stamp comes back from an event of the same run, and from no other', () => {
  const template = new EventTemplate(shape);
  const other = new EventTemplate(shape);
  const body = template.next(1, 2, 1_234_567_890);
  const start = body.length - template.eventBytes;
  expect(template.readStamp(body, start, body.length)).toBe(1_234_567_890);
  expect(other.readStamp(body, start, body.length)).toBe(-1);
  expect(template.readStamp(Buffer.alloc(0), 0, 0)).toBe(-1);
});

test.each([64, 100, 49_000, 300_000])('the data has exactly %d bytes of JSON', (payloadBytes) => {
  const template = new EventTemplate({ ...shape, payloadBytes });
  const body = template.next(0, 1, 7);
  const data = body.subarray(body.length - payloadBytes).toString('latin1');
  expect(JSON.parse(data)).toMatchObject({ stamp: '0000000000000007' });
});
