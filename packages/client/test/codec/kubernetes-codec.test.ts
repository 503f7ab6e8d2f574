import {
  type AttributeValue,
  CloudEventsType,
  createEvent,
  decodeEvent,
  type Event,
  encodeEvent,
  eventDataBytes,
  statusHash,
} from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { kubernetesCodec, kubernetesStatusHash } from '../../src/codec/kubernetes-codec.js';
import { type KubernetesObject, kubernetesResource } from '../../src/codec/kubernetes-resource.js';
import { vectorNamed } from './vectors.js';

const DATA_TYPE = 'apps.v1.deployments';
const SPEC = CloudEventsType.parse(`${DATA_TYPE}.spec.create_request`);
const STATUS = CloudEventsType.parse(`${DATA_TYPE}.status.update_request`);

/** As an API server gives it. */
const DEPLOYMENT: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'shop',
    labels: { app: 'web' },
    annotations: { note: 'ü' },
    uid: '7f3c0d4e-0000-4000-8000-000000000001',
    resourceVersion: '812345678901',
    generation: 4,
    creationTimestamp: '2025-03-14T15:00:00Z',
    ownerReferences: [{ apiVersion: 'v1', kind: 'App', name: 'shop', uid: 'x' }],
    managedFields: [{ manager: 'kubectl', operation: 'Apply' }],
  },
  spec: { replicas: 3 },
  status: { readyReplicas: 3 },
};
const PLACE = { clusterName: 'c1', source: 'source1' };

function carried(event: Event): Event {
  return decodeEvent(encodeEvent(event));
}

function dataOf(event: Event): unknown {
  return JSON.parse(String(eventDataBytes(event)));
}

function codec() {
  return kubernetesCodec({ dataType: DATA_TYPE });
}

describe('a Kubernetes resource', () => {
  it('has its id, version and deletion time from the metadata of its object', () => {
    expect(kubernetesResource(DEPLOYMENT, PLACE)).toEqual({
      uid: '7f3c0d4e-0000-4000-8000-000000000001',
      resourceVersion: '812345678901',
      deletionTimestamp: undefined,
      ...PLACE,
      object: DEPLOYMENT,
    });
    const metadata = { ...DEPLOYMENT.metadata, deletionTimestamp: '2025-03-14T16:00:00Z' };
    const deleting = kubernetesResource(
      { ...DEPLOYMENT, metadata },
      { ...PLACE, uid: 'own', version: 'generation' },
    );
    expect(deleting).toMatchObject({
      uid: 'own',
      resourceVersion: '4',
      deletionTimestamp: '2025-03-14T16:00:00Z',
    });
  });

  it('of a manifest has an id made of its names, another one for each cluster, and version 0', () => {
    const manifest = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop' },
    };
    const one = kubernetesResource(manifest, PLACE);
    expect(one.resourceVersion).toBe('0');
    expect(one.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-/);
    expect(kubernetesResource(manifest, PLACE).uid).toBe(one.uid);
    for (const other of [
      kubernetesResource(manifest, { ...PLACE, clusterName: 'c2' }),
      kubernetesResource(manifest, { ...PLACE, source: 'source2' }),
      kubernetesResource({ ...manifest, kind: 'StatefulSet' }, PLACE),
      kubernetesResource({ ...manifest, metadata: { name: 'web' } }, PLACE),
    ]) {
      expect(other.uid).not.toBe(one.uid);
    }
    // A newer version of the same kind is the same object.
    expect(kubernetesResource({ ...manifest, apiVersion: 'apps/v2' }, PLACE).uid).toBe(one.uid);
  });

  it.each<[unknown, string]>([
    [null, 'object is no Kubernetes object'],
    [[], 'object is no Kubernetes object'],
    [{ kind: 'A', metadata: { name: 'a' } }, 'object.apiVersion is missing'],
    [{ apiVersion: 'v1', metadata: { name: 'a' } }, 'object.kind is missing'],
    [{ apiVersion: 'v1', kind: 7, metadata: { name: 'a' } }, 'object.kind must be a string'],
    [{ apiVersion: 'v1', kind: 'A' }, 'object.metadata is missing'],
    [{ apiVersion: 'v1', kind: 'A', metadata: { generateName: 'a-' } }, 'object.metadata.name is missing'],
  ])('is refused of %j', (object, message) => {
    expect(() => kubernetesResource(object as KubernetesObject, PLACE)).toThrow(message);
  });
});

describe('the Kubernetes codec', () => {
  it('carries a spec as an agent can apply it', () => {
    const resource = kubernetesResource(DEPLOYMENT, PLACE);
    const event = carried(codec().encodeEvent('source1', SPEC, resource));
    const applicable = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' }, annotations: { note: 'ü' } },
      spec: { replicas: 3 },
    };
    expect(dataOf(event)).toEqual(applicable);
    expect(event.extensions.get('resourceversion')).toEqual({ kind: 'string', value: '812345678901' });
    expect(codec().decodeEvent(event)).toEqual({ ...resource, object: applicable });
    // The caller's own object stays as it was.
    expect(DEPLOYMENT.status).toEqual({ readyReplicas: 3 });
    expect(DEPLOYMENT.metadata['managedFields']).toHaveLength(1);
  });

  it('carries a deletion that says what to delete', () => {
    const deletionTimestamp = '2025-03-14T16:00:00Z';
    const metadata = { ...DEPLOYMENT.metadata, deletionTimestamp };
    const resource = kubernetesResource({ ...DEPLOYMENT, metadata }, PLACE);
    const event = carried(codec().encodeEvent('source1', SPEC, resource));
    expect(event.data).toBeUndefined();
    const read = codec().decodeEvent(event);
    expect(read.deletionTimestamp).toEqual(new Date(deletionTimestamp));
    expect(read.object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop', deletionTimestamp: '2025-03-14T16:00:00.000Z' },
    });
  });

  it('carries a status', () => {
    const resource = kubernetesResource(DEPLOYMENT, PLACE);
    const event = carried(codec().encodeEvent('agent1', STATUS, resource));
    expect(dataOf(event)).toEqual({ readyReplicas: 3 });
    const read = codec().decodeEvent(event);
    expect(read).toMatchObject({
      uid: resource.uid,
      source: 'source1',
      statusHash: statusHash({ readyReplicas: 3 }),
      object: {
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'shop' },
        status: { readyReplicas: 3 },
      },
    });
    expect(read.sequenceId).toMatch(/^[0-9]+$/);
    expect(kubernetesStatusHash(read)).toBe(read.statusHash);
  });

  it('carries a status that there is none of yet', () => {
    const { status: _, ...object } = DEPLOYMENT;
    const resource = kubernetesResource(object as KubernetesObject, PLACE);
    const event = carried(codec().encodeEvent('agent1', STATUS, resource));
    expect(event.data).toBeUndefined();
    expect(codec().decodeEvent(event).object.status).toBeUndefined();
    expect(kubernetesStatusHash(resource)).toBe('');
  });

  it('carries whole objects, as the SDK does, when told to', () => {
    const whole = kubernetesCodec({ dataType: DATA_TYPE, payload: 'object' });
    const resource = kubernetesResource(DEPLOYMENT, PLACE);
    const { managedFields: _, ...metadata } = DEPLOYMENT.metadata;
    const wanted = { ...DEPLOYMENT, metadata };
    for (const type of [SPEC, STATUS]) {
      const event = carried(whole.encodeEvent('source1', type, resource));
      expect(dataOf(event)).toEqual(wanted);
      expect(whole.decodeEvent(event).object).toEqual(wanted);
    }
  });

  it("reads a lease of Go's v1.3, and its deletion", () => {
    const leases = kubernetesCodec({ dataType: 'coordination.k8s.io.v1.leases', payload: 'object' });
    const lease = leases.decodeEvent(vectorNamed('v130-lease-update'));
    expect(lease).toMatchObject({
      uid: 'lease-uid',
      resourceVersion: '9007199254740993',
      clusterName: 'cluster1',
      object: { kind: 'Lease', metadata: { name: 'managed-cluster-lease', namespace: 'cluster1' } },
    });
    const deletion = leases.decodeEvent(vectorNamed('v130-lease-delete-delivered'));
    expect(deletion.deletionTimestamp).toEqual(new Date('2025-03-14T16:00:00Z'));
    expect(deletion.object).toMatchObject({
      apiVersion: 'coordination.k8s.io/v1',
      kind: '',
      metadata: { name: 'lease-uid' },
    });
  });

  it.each<[string, unknown]>([
    ['object.kind is missing', { apiVersion: 'v1', metadata: { name: 'a' } }],
    ['object.metadata.name is missing', { apiVersion: 'v1', kind: 'A', metadata: {} }],
  ])('refuses to write what is no Kubernetes object: %s', (message, object) => {
    const resource = { ...kubernetesResource(DEPLOYMENT, PLACE), object: object as KubernetesObject };
    expect(() => codec().encodeEvent('source1', SPEC, resource)).toThrow(message);
  });

  it('refuses a version that is no number', () => {
    const metadata = { ...DEPLOYMENT.metadata, resourceVersion: 'abc' };
    const resource = kubernetesResource({ ...DEPLOYMENT, metadata }, PLACE);
    expect(() => codec().encodeEvent('source1', SPEC, resource)).toThrow(
      /^resourceVersion of the resource .* is "abc"/,
    );
  });

  it.each<[string, string | undefined]>([
    ['data.apiVersion is missing', '{}'],
    ['data is no Kubernetes object', '7'],
    ['the data is no JSON: ', 'x'],
    ['the data is missing: the spec of the resource', undefined],
  ])('refuses to read a spec: %s', (message, value) => {
    const event = codec().encodeEvent('source1', SPEC, kubernetesResource(DEPLOYMENT, PLACE));
    const data = value === undefined ? undefined : ({ kind: 'text', value } as const);
    expect(() => codec().decodeEvent(createEvent({ ...event, data }))).toThrow(message);
  });

  it('refuses to read without an attribute that it needs', () => {
    const event = codec().encodeEvent('source1', SPEC, kubernetesResource(DEPLOYMENT, PLACE));
    const extensions = new Map<string, AttributeValue>(event.extensions);
    extensions.delete('resourceid');
    expect(() => codec().decodeEvent({ ...event, extensions })).toThrow('attribute ce-resourceid is missing');
  });
});
