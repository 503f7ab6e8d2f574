import { type JsonValue, MANIFEST_BUNDLES, manifestWorkStatusHash, statusHash } from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';
import { isObject } from './read-attributes.js';

/**
 * A resource whose spec and status are JSON documents. A source holds its spec, and the last status that it received; an agent
 * holds the received spec, and sets the status before it publishes.
 */
export interface JsonResource<Spec = unknown, Status = unknown> extends ResourceObject {
  readonly clusterName: string;
  /** Whose resource it is. */
  readonly source: string;
  /** Travels in the attribute `metadata`. */
  readonly name?: string | undefined;
  /** Absent in a received status, and in a received deletion. */
  readonly spec?: Spec | undefined;
  /** Absent in a received spec. */
  readonly status?: Status | undefined;
  /** Of a received status: later ones have greater ones (see {@link compareSequenceIds}). */
  readonly sequenceId?: string | undefined;
  /** Of a received status: the hash that the agent has of it (see {@link echoedStatusHash}). */
  readonly statusHash?: string | undefined;
}

/**
 * The hash that Go v1.3 makes of the same status: SHA-256 over its JSON with sorted keys. Empty for a resource without
 * status, which equals no other hash: the agent sends what it has.
 */
export function jsonStatusHash(resource: Pick<JsonResource, 'status'>): string {
  return resource.status === undefined ? '' : statusHash(plain(resource.status));
}

/**
 * As {@link jsonStatusHash} for the status of a ManifestBundle, of which Go hashes the ManifestWork status that it makes: what v1.3
 * agents write into `statushash`.
 */
export function manifestBundleStatusHash(resource: Pick<JsonResource, 'status'>): string {
  return resource.status === undefined ? '' : statusHash(workStatusOf(plain(resource.status)));
}

/** As {@link manifestBundleStatusHash}, but the hash that v0.15 agents compute (Go: `work.ManifestWorkStatusHash`); they send none. */
export function manifestBundleStatusHashV015(resource: Pick<JsonResource, 'status'>): string {
  return resource.status === undefined ? '' : manifestWorkStatusHash(workStatusOf(plain(resource.status)));
}

/**
 * The agent's own hash as it came with the status, so that any way of hashing will do; computed ({@link jsonStatusHash}) where the
 * agent sent none. For a source's `statusHashGetter`.
 */
export function echoedStatusHash(resource: Pick<JsonResource, 'status' | 'statusHash'>): string {
  return resource.statusHash ?? jsonStatusHash(resource);
}

/** How the status of a data type is hashed unless its codec is told otherwise. */
export function statusHashFor(dataType: string): (resource: Pick<JsonResource, 'status'>) => string {
  return dataType === MANIFEST_BUNDLES ? manifestBundleStatusHash : jsonStatusHash;
}

/** What the other side will read: dates as text, and without what JSON does not hold. */
function plain(status: unknown): JsonValue {
  return JSON.parse(JSON.stringify(status) ?? 'null');
}

/** The wire has the manifests' statuses as a list under `resourceStatus`; a ManifestWork has them under `resourceStatus.manifests`. */
function workStatusOf(status: JsonValue): JsonValue {
  if (!isObject(status)) return status;
  const { conditions, resourceStatus: manifests } = status as { readonly [name: string]: JsonValue };
  const isBundle = manifests === undefined || manifests === null || Array.isArray(manifests);
  if (!isBundle) return status as JsonValue;
  return {
    conditions: isEmpty(conditions) ? undefined : conditions,
    resourceStatus: { manifests: isEmpty(manifests) ? undefined : manifests },
  };
}

function isEmpty(list: JsonValue | undefined): boolean {
  return list === undefined || list === null || (Array.isArray(list) && list.length === 0);
}
