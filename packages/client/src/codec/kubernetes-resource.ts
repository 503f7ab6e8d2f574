import { CeBrokerError } from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';
import { resourceUid } from './resource-uid.js';

/** The part of a Kubernetes object's metadata that is used here; all else stays as it is. */
export interface KubernetesMetadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly generation?: number | undefined;
  readonly deletionTimestamp?: string | Date | undefined;
  readonly [field: string]: unknown;
}

/** Any Kubernetes object: what `kubectl get -o json` prints, or a client library gives. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubernetesMetadata;
  readonly status?: unknown;
  readonly [field: string]: unknown;
}

/** A Kubernetes object of one cluster, as the clients handle it. */
export interface KubernetesResource extends ResourceObject {
  readonly clusterName: string;
  /** Whose resource it is. */
  readonly source: string;
  /**
   * Of a received deletion, and of a received status, only its kind, its names and (of a status) its status are known; without them,
   * as from Go, its kind is empty, and its name is its resource id, as Go has it.
   */
  readonly object: KubernetesObject;
  /** Of a received status: later ones have greater ones (see {@link compareSequenceIds}). */
  readonly sequenceId?: string | undefined;
  /** Of a received status: the hash that the agent has of it (see {@link echoedStatusHash}). */
  readonly statusHash?: string | undefined;
}

/** What {@link kubernetesResource} makes of an object. */
export interface KubernetesResourceOptions {
  /** The cluster that it is for. */
  readonly clusterName: string;
  readonly source: string;
  /**
   * The resource id. Default: `metadata.uid`; without one, an id made of the source, the kind, the cluster, the namespace and the name,
   * the same each time ({@link resourceUid}).
   */
  readonly uid?: string | undefined;
  /**
   * Where the version comes from. `resourceVersion` rises with every change, labels and status included; `generation` with changes of
   * the spec alone, and not every kind has one. Default `resourceVersion`; an object that has none (a manifest) has version 0.
   */
  readonly version?: 'resourceVersion' | 'generation' | undefined;
}

/** Fields that a server sets, and that mean nothing, or harm, where the object is applied to another cluster. */
const SERVER_METADATA: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
  'ownerReferences',
]);

/**
 * A resource of a Kubernetes object: id, version and deletion time from its metadata. Throws `invalid_argument` naming what the object
 * lacks.
 */
export function kubernetesResource(
  object: KubernetesObject,
  { clusterName, source, uid, version = 'resourceVersion' }: KubernetesResourceOptions,
): KubernetesResource {
  checkKubernetesObject(object, 'object');
  const { metadata } = object;
  const at = metadata.deletionTimestamp;
  return {
    uid: uid ?? metadata.uid ?? derivedUid(object, clusterName, source),
    resourceVersion: String(metadata[version] ?? '0'),
    // Many libraries write null where the server has no such field.
    deletionTimestamp: at ?? undefined,
    clusterName,
    source,
    object,
  };
}

/** The object as an agent can apply it to its cluster: without status, and without metadata that only its own server can set. */
export function applicableObject(object: KubernetesObject): KubernetesObject {
  const { status: _, ...rest } = object;
  const metadata = Object.entries(object.metadata).filter(([name]) => !SERVER_METADATA.has(name));
  return { ...rest, metadata: Object.fromEntries(metadata) as KubernetesMetadata } as KubernetesObject;
}

/** The whole object, but for `managedFields`, which nobody but its own server needs. */
export function wholeObject(object: KubernetesObject): KubernetesObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: metadata as KubernetesMetadata };
}

/** Throws `invalid_argument` that names the first field which every Kubernetes object must have and this one lacks. */
export function checkKubernetesObject(value: unknown, what: string): asserts value is KubernetesObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(what, 'is no Kubernetes object: it must be an object with apiVersion, kind and metadata');
  }
  const { apiVersion, kind, metadata } = value as Partial<Record<string, unknown>>;
  need(apiVersion, `${what}.apiVersion`, '"v1" or "apps/v1", say');
  need(kind, `${what}.kind`, '"ConfigMap", say');
  if (typeof metadata !== 'object' || metadata === null) throw wrong(`${what}.metadata`, 'is missing');
  need(
    (metadata as Partial<Record<string, unknown>>)['name'],
    `${what}.metadata.name`,
    'a generateName will not do',
  );
}

function derivedUid(object: KubernetesObject, clusterName: string, source: string): string {
  const [group = ''] = object.apiVersion.includes('/') ? object.apiVersion.split('/', 1) : [];
  const { name, namespace } = object.metadata;
  return resourceUid({
    source,
    groupResource: group === '' ? object.kind : `${object.kind}.${group}`,
    namespace: clusterName,
    name: namespace === undefined || namespace === '' ? name : `${namespace}/${name}`,
  });
}

function need(value: unknown, field: string, hint: string): void {
  if (typeof value === 'string' && value !== '') return;
  throw wrong(field, `${value === undefined || value === '' ? 'is missing' : 'must be a string'} (${hint})`);
}

function wrong(field: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `${field} ${what}`, { field });
}
