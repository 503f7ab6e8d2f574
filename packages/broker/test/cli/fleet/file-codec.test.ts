import {
  CloudEventsDataType,
  CloudEventsType,
  createEvent,
  decodeEvent,
  encodeEvent,
  eventDataBytes,
  readMetadata,
  readSequenceId,
  readStatusHash,
} from 'ce-broker-proto';
import { expect, test } from 'vitest';
import { fileCodec } from '../../../src/cli/fleet/file-codec.js';
import { contentTypeOf, type FileResource, fileId } from '../../../src/cli/fleet/file-resource.js';
import { reportOf, sequenceAfter } from '../../../src/cli/fleet/status-json.js';

const dataType = CloudEventsDataType.parse('io.ce-broker.v1.files');
const codec = fileCodec(dataType);
const spec = (action: string) => new CloudEventsType(dataType, 'spec', action);
const status = new CloudEventsType(dataType, 'status', 'update_request');
const web: FileResource = {
  uid: fileId('hub', 'c1', 'web.yaml'),
  resourceVersion: '3000000000',
  cluster: 'c1',
  source: 'hub',
  name: 'web.yaml',
};

test('the bytes of a file come out as they went in, with a content type by the extension', () => {
  const content = Buffer.from([0, 1, 0xff, 0x0d, 0x0a]);
  const event = decodeEvent(
    encodeEvent(codec.encodeEvent('hub', spec('create_request'), { ...web, content })),
  );
  expect(event.type).toBe('io.ce-broker.v1.files.spec.create_request');
  expect(event.dataContentType).toBe('application/yaml');
  expect(Buffer.from(eventDataBytes(event) ?? [])).toEqual(content);
  expect(readMetadata(event)).toBe('{"name":"web.yaml"}');
  const read = codec.decodeEvent(event);
  expect(read).toMatchObject({ ...web, contentType: 'application/yaml' });
  expect(Buffer.from(read.content ?? [])).toEqual(content);
});

test('an empty file is a file', () => {
  const event = codec.encodeEvent('hub', spec('create_request'), { ...web, content: new Uint8Array(0) });
  expect(codec.decodeEvent(decodeEvent(encodeEvent(event))).content?.byteLength).toBe(0);
});

test('a deletion has its time and its name, and no data', () => {
  const deletionTimestamp = new Date('2026-03-04T05:06:07.890Z');
  const event = codec.encodeEvent('hub', spec('delete_request'), { ...web, deletionTimestamp });
  expect(event.data).toBeUndefined();
  expect(codec.decodeEvent(decodeEvent(encodeEvent(event)))).toEqual({ ...web, deletionTimestamp });
});

test('a status is about the version that was reported, whatever the agent holds', () => {
  const report = reportOf(
    { state: 'failed', action: 'ADDED', error: 'no', time: '2026-01-01T00:00:00Z' },
    '7',
    '42',
  );
  const event = codec.encodeEvent('c1-agent', status, { ...web, resourceVersion: '0', report });
  expect(event.source).toBe('c1-agent');
  expect(readStatusHash(event)).toBe(report.hash);
  const read = codec.decodeEvent(decodeEvent(encodeEvent(event)));
  expect(read).toEqual({ ...web, resourceVersion: '7', report });
});

test('events of other programs: without a name, the last part of the id is the name', () => {
  const extensions = (more: [string, string][]) =>
    [['resourceid', 'x/y/z.json'], ['clustername', 'c1'], ...more].map(
      ([name, value]) => [name ?? '', { kind: 'string' as const, value: value ?? '' }] as const,
    );
  const event = (more: [string, string][]) =>
    createEvent({
      id: '1',
      source: 'pub',
      type: `${dataType}.spec.create_request`,
      extensions: extensions(more),
    });
  expect(codec.decodeEvent(event([]))).toMatchObject({ name: 'z.json', resourceVersion: '0', source: 'pub' });
  expect(() => codec.decodeEvent(event([['metadata', '{']]))).toThrow('attribute ce-metadata must be JSON');
  expect(() => codec.decodeEvent(createEvent({ id: '1', source: 's', type: `${dataType}.spec.x` }))).toThrow(
    'attribute ce-resourceid is missing',
  );
});

test.each([
  ['', 'must be JSON'],
  ['[]', 'data of a status'],
  ['{"state":"odd","action":"ADDED","time":""}', 'data.state of a status'],
])('the status %j is refused, and told where', (text, message) => {
  const event = createEvent({
    id: '1',
    source: 'a',
    type: `${dataType}.status.update_request`,
    extensions: [
      ['resourceid', { kind: 'string', value: 'x' }],
      ['clustername', { kind: 'string', value: 'c1' }],
    ],
    data: { kind: 'binary', value: Buffer.from(text) },
  });
  expect(() => codec.decodeEvent(event)).toThrow(message);
});

test('the answer to a resync comes behind whatever another agent of the cluster said meanwhile', () => {
  const report = reportOf({ state: 'applied', action: 'ADDED', time: '2026-01-01T00:00:00.000Z' }, '1', '5');
  const sequence = (action: string) => {
    const type = new CloudEventsType(status.dataType, 'status', action);
    return BigInt(readSequenceId(codec.encodeEvent('a', type, { ...web, report })) ?? '0');
  };
  expect(sequence('update_request')).toBe(5n);
  expect(sequence('resync_response')).toBeGreaterThan(5n);
});

test('what was not read cannot be published', () => {
  expect(() => codec.encodeEvent('hub', spec('create_request'), web)).toThrow('has no content');
  expect(() => codec.encodeEvent('a', status, web)).toThrow('has no status');
});

test('content types go by the extension', () => {
  const names = ['a.yaml', 'A.YML', 'a.json', 'a.txt', 'a.tar.gz', 'Makefile'];
  expect(names.map(contentTypeOf)).toEqual([
    'application/yaml',
    'application/yaml',
    'application/json',
    'text/plain',
    'application/octet-stream',
    'application/octet-stream',
  ]);
});

test('the order of statuses only grows, also when the clock goes back', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const first = sequenceAfter('0', now);
  const second = sequenceAfter(first, now - 60_000);
  expect(BigInt(second)).toBe(BigInt(first) + 1n);
  expect(BigInt(sequenceAfter(second, now + 1))).toBeGreaterThan(BigInt(second));
});
