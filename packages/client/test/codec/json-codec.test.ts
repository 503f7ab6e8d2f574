import {
  type AttributeValue,
  CeBrokerError,
  CloudEventsDataType,
  CloudEventsType,
  createEvent,
  decodeEvent,
  type Event,
  encodeEvent,
  eventDataBytes,
  statusHash,
} from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { jsonCodec } from '../../src/codec/json-codec.js';
import {
  echoedStatusHash,
  type JsonResource,
  jsonStatusHash,
  manifestBundleStatusHash,
  manifestBundleStatusHashV015,
} from '../../src/codec/json-resource.js';
import { compareSequenceIds } from '../../src/codec/sequence.js';
import { eventOf, type HashVector, readVectors, vectorNamed, type WrittenVector } from './vectors.js';

const THINGS = new CloudEventsDataType('io.example', 'v1', 'things');
const CREATE = new CloudEventsType(THINGS, 'spec', 'create_request');
const UPDATE_STATUS = new CloudEventsType(THINGS, 'status', 'update_request');

interface Spec {
  readonly replicas: number;
}
interface Status {
  readonly ready: boolean;
}

const RESOURCE: JsonResource<Spec, Status> = {
  uid: 'r1',
  resourceVersion: '3',
  clusterName: 'c1',
  source: 'source1',
  name: 'web',
  spec: { replicas: 2 },
  status: { ready: true },
};

function codec() {
  return jsonCodec<Spec, Status>({ dataType: THINGS });
}

/** Over the wire and back. */
function carried(event: Event): Event {
  return decodeEvent(encodeEvent(event));
}

function text(value: string): AttributeValue {
  return { kind: 'string', value };
}

describe('the JSON codec', () => {
  it('carries a spec', () => {
    const event = carried(codec().encodeEvent('source1', CREATE, RESOURCE));
    expect(event.type).toBe('io.example.v1.things.spec.create_request');
    expect(Object.fromEntries(event.extensions)).toEqual({
      resourceid: text('r1'),
      resourceversion: text('3'),
      clustername: text('c1'),
      originalsource: text(''),
      metadata: text('{"name":"web"}'),
    });
    expect(String(eventDataBytes(event))).toBe('{"replicas":2}');
    expect(codec().decodeEvent(event)).toEqual({ ...RESOURCE, status: undefined });
  });

  it('carries a deletion: a time, and no data', () => {
    const deletionTimestamp = new Date('2025-03-14T15:09:26.535Z');
    const event = carried(codec().encodeEvent('source1', CREATE, { ...RESOURCE, deletionTimestamp }));
    expect(event.data).toBeUndefined();
    expect(event.dataContentType).toBeUndefined();
    expect(codec().decodeEvent(event)).toEqual({
      ...RESOURCE,
      spec: undefined,
      status: undefined,
      deletionTimestamp,
    });
  });

  it('carries a status, with the hash of the agent and a sequence id that rises', () => {
    const agent = codec();
    const [first, second] = [1, 2].map(() => carried(agent.encodeEvent('agent1', UPDATE_STATUS, RESOURCE)));
    const [before, after] = [first, second].map((event) =>
      codec().decodeEvent(event ?? expect.unreachable()),
    );
    expect(first?.source).toBe('agent1');
    expect(before).toEqual({
      ...RESOURCE,
      spec: undefined,
      sequenceId: expect.any(String),
      statusHash: statusHash({ ready: true }),
    });
    expect(compareSequenceIds(before?.sequenceId ?? '', after?.sequenceId ?? '')).toBe(true);
  });

  it('carries a status that there is none of yet', () => {
    const { status: _, ...rest } = RESOURCE;
    const event = carried(codec().encodeEvent('agent1', UPDATE_STATUS, rest));
    expect(event.data).toBeUndefined();
    expect(event.extensions.has('statushash')).toBe(false);
    expect(codec().decodeEvent(event).status).toBeUndefined();
  });

  it.each<[string, AttributeValue]>([
    ['integer', { kind: 'integer', value: 3 }],
    ['string', text('3')],
  ] as const)('writes the version as %s when told to', (version, wanted) => {
    const event = jsonCodec({ dataType: THINGS, version: version as 'integer' | 'string' }).encodeEvent(
      's',
      CREATE,
      RESOURCE,
    );
    expect(event.extensions.get('resourceversion')).toEqual(wanted);
    expect(codec().decodeEvent(event).resourceVersion).toBe('3');
  });

  it('takes a data type as text, and a sequence and a hash of the caller', () => {
    const own = jsonCodec({
      dataType: 'io.example.v1.things',
      sequence: () => '42',
      statusHash: () => 'mine',
    });
    const event = own.encodeEvent('a', UPDATE_STATUS, RESOURCE);
    expect(event.extensions.get('sequenceid')).toEqual(text('42'));
    expect(event.extensions.get('statushash')).toEqual(text('mine'));
  });

  it.each<[string, Partial<Record<keyof JsonResource, unknown>>]>([
    ['uid is missing', { uid: '' }],
    ['clusterName of the resource r1 is missing', { clusterName: undefined }],
    ['resourceVersion of the resource r1 is "v3"; it must be a whole number', { resourceVersion: 'v3' }],
    ['resourceVersion of the resource r1 is 3; it must be', { resourceVersion: 3 }],
    ['the data is missing: the spec of the resource r1', { spec: undefined }],
    ['deletiontimestamp is "soon"', { deletionTimestamp: 'soon' }],
    ['the data cannot be written as JSON', { spec: { n: 1n } }],
  ])('refuses to write a resource: %s', (message, change) => {
    const resource = { ...RESOURCE, ...change } as JsonResource<Spec, Status>;
    expect(() => codec().encodeEvent('source1', CREATE, resource)).toThrow(message);
    expect(() => codec().encodeEvent('source1', CREATE, resource)).toThrow(CeBrokerError);
  });

  it('refuses another data type, either way', () => {
    const other = new CloudEventsType(new CloudEventsDataType('a', 'b', 'c'), 'spec', 'create_request');
    const message = 'the data type is a.b.c; this codec is for io.example.v1.things';
    expect(() => codec().encodeEvent('s', other, RESOURCE)).toThrow(message);
    const event = createEvent({ id: '1', source: 's', type: other.toString() });
    expect(() => codec().decodeEvent(event)).toThrow(message);
  });

  it.each<[string, Record<string, AttributeValue | undefined>]>([
    ['attribute ce-resourceid is missing', { resourceid: undefined }],
    ['attribute ce-resourceid is empty', { resourceid: text('') }],
    [
      'attribute ce-resourceid is of kind integer; it must be a string',
      { resourceid: { kind: 'integer', value: 1 } },
    ],
    ['attribute ce-resourceversion is missing', { resourceversion: undefined }],
    ['attribute ce-resourceversion is "x"; it must be a whole number', { resourceversion: text('x') }],
    ['attribute ce-clustername is missing', { clustername: undefined }],
    ['attribute ce-deletiontimestamp is ""; it must be an RFC 3339 time', { deletiontimestamp: text('') }],
    ['attribute ce-metadata is no JSON: ', { metadata: text('{') }],
    ['attribute ce-metadata must be a JSON object', { metadata: text('[]') }],
    ['attribute ce-metadata: its name must be a string', { metadata: text('{"name":7}') }],
    ['attribute ce-sequenceid is of kind boolean', { sequenceid: { kind: 'boolean', value: true } }],
  ])('refuses to read an event: %s', (message, change) => {
    const event = codec().encodeEvent('source1', CREATE, RESOURCE);
    const extensions = new Map(event.extensions);
    for (const [name, value] of Object.entries(change)) {
      if (value === undefined) extensions.delete(name);
      else extensions.set(name, value);
    }
    expect(() => codec().decodeEvent({ ...event, extensions })).toThrow(message);
  });

  it('refuses data that is no JSON, and a spec without data', () => {
    const event = codec().encodeEvent('source1', CREATE, RESOURCE);
    const broken = createEvent({ ...event, data: { kind: 'text', value: '{"a":' } });
    expect(() => codec().decodeEvent(broken)).toThrow(/^the data is no JSON: /);
    const none = createEvent({ ...event, data: undefined });
    expect(() => codec().decodeEvent(none)).toThrow('the data is missing: the spec of the resource r1');
  });

  it("reads what Go's builder and codecs wrote, of both SDK generations", () => {
    let read = 0;
    for (const vector of readVectors<WrittenVector>('write.jsonl')) {
      if (!['builder', 'work-codec', 'other-codecs'].includes(vector.category)) continue;
      const event = eventOf(vector);
      if (!event.extensions.has('resourceversion')) continue;
      const type = CloudEventsType.parse(event.type);
      const resource = jsonCodec({ dataType: type.dataType }).decodeEvent(event);
      expect(resource.uid).not.toBe('');
      const data = eventDataBytes(event);
      const read1 = type.subResource === 'spec' ? resource.spec : resource.status;
      expect(read1).toEqual(data === undefined ? undefined : JSON.parse(String(data)));
      read++;
    }
    expect(read).toBeGreaterThan(10);
  });

  it('takes the name of a work from its metadata', () => {
    const event = vectorNamed('v130-status-update');
    const bundles = jsonCodec({ dataType: CloudEventsType.parse(event.type).dataType });
    expect(bundles.decodeEvent(event)).toMatchObject({
      name: 'work1',
      source: 'source1',
      resourceVersion: '13',
    });
  });
});

describe('status hashes', () => {
  const hashes = readVectors<HashVector>('types.jsonl').filter(({ kind }) => kind === 'statusHash');

  it.each(hashes)('are those of Go: $name', ({ sdk, input, result }) => {
    const hash = sdk.includes('v0.15.0') ? manifestBundleStatusHashV015 : manifestBundleStatusHash;
    expect(hash({ status: input })).toBe(result);
    // The same status as it stands on the wire.
    const { conditions = null, resourceStatus } = input as {
      conditions?: unknown;
      resourceStatus: { manifests?: unknown };
    };
    expect(hash({ status: { conditions, resourceStatus: resourceStatus.manifests } })).toBe(result);
  });

  it.each(['v130-status-update', 'v130-status-resync-response'])('are what a v1.3 agent sent: %s', (name) => {
    const event = vectorNamed(name);
    const bundles = jsonCodec({ dataType: CloudEventsType.parse(event.type).dataType });
    const resource = bundles.decodeEvent(event);
    expect(resource.statusHash).toMatch(/^[0-9a-f]{64}$/);
    expect(manifestBundleStatusHash(resource)).toBe(resource.statusHash);
    expect(echoedStatusHash(resource)).toBe(resource.statusHash);
    const again = bundles.encodeEvent('agent1', CloudEventsType.parse(event.type), resource);
    expect(again.extensions.get('statushash')).toEqual(event.extensions.get('statushash'));
  });

  it('are those that both SDK generations made of a status that this codec wrote', () => {
    const condition = {
      type: 'Applied',
      status: 'True',
      lastTransitionTime: '2025-03-14T16:00:00Z',
      reason: 'R',
      message: 'ok ü <b>',
    };
    const resourceMeta = {
      ordinal: 0,
      group: '',
      version: 'v1',
      kind: 'ConfigMap',
      resource: 'configmaps',
      name: 'a',
      namespace: 'default',
    };
    const manifest = { resourceMeta, statusFeedback: {}, conditions: [] };
    const status = { conditions: [condition], resourceStatus: [manifest] };
    expect(manifestBundleStatusHash({ status })).toBe(
      'fb954d2d09029b607cd487935b7e1404b792db46af6fd2121e4c8bef1ab52583',
    );
    expect(manifestBundleStatusHashV015({ status })).toBe(
      'ede5397feae0d5117c115e5f906c157bf9347d1c672f516421629a1a1fb94a2a',
    );
  });

  it('are of what the other side reads: dates as text, undefined left out', () => {
    const status = { at: new Date('2025-03-14T16:00:00Z'), none: undefined, list: [undefined] };
    const read = JSON.parse(JSON.stringify(status));
    expect(jsonStatusHash({ status })).toBe(jsonStatusHash({ status: read }));
    expect(jsonStatusHash({ status: { b: 1, a: 2 } })).toBe(jsonStatusHash({ status: { a: 2, b: 1 } }));
  });

  it('are empty without a status, and never equal to those of one', () => {
    expect(jsonStatusHash({})).toBe('');
    expect(manifestBundleStatusHash({})).toBe('');
    expect(manifestBundleStatusHashV015({})).toBe('');
    expect(jsonStatusHash({ status: null })).not.toBe('');
  });

  it("are the agent's own when it sent one", () => {
    expect(echoedStatusHash({ status: { a: 1 }, statusHash: 'opaque' })).toBe('opaque');
    expect(echoedStatusHash({ status: { a: 1 } })).toBe(statusHash({ a: 1 }));
  });
});
