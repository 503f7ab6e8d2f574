import { CloudEventsDataType, type CloudEventsType, type Event, Extension } from 'ce-broker-proto';
import type { EventCodec } from '../generic/codec.js';
import { isDeleting } from '../generic/resource.js';
import { newEventBuilder, type VersionForm } from './event-builder.js';
import { jsonStatusHash } from './json-resource.js';
import {
  applicableObject,
  checkKubernetesObject,
  type KubernetesObject,
  type KubernetesResource,
  wholeObject,
} from './kubernetes-resource.js';
import {
  checkResource,
  missingData,
  type ResourceAttributes,
  readAttributes,
  readJsonData,
} from './read-attributes.js';
import { type SequenceIds, snowflakeSequence } from './sequence.js';

/** What {@link kubernetesCodec} is made of. */
export interface KubernetesCodecOptions {
  /** `<group>.<version>.<resource>`, or parsed: `apps.v1.deployments`. */
  readonly dataType: CloudEventsDataType | string;
  /**
   * What the data is. `manifest`: of a spec, the object as an agent can apply it, without status and without metadata that a
   * server sets; of a status, the object's `status`. `object`: either way the whole object but for its `managedFields`, as the
   * SDK's own codecs for add-ons, clusters, leases and the like have it (v1.3). Default `manifest`.
   */
  readonly payload?: 'manifest' | 'object' | undefined;
  /** How `resourceversion` is written; read in either form. Default `auto`. */
  readonly version?: VersionForm | undefined;
  /** Gives the `sequenceid` of each status. Default: a {@link snowflakeSequence} of this codec's own. */
  readonly sequence?: SequenceIds | undefined;
}

/** The hash of a Kubernetes object's status, for `statusHashGetter` (Go v1.3: `statushash.StatusHash`); empty without a status. */
export function kubernetesStatusHash(resource: Pick<KubernetesResource, 'object'>): string {
  return jsonStatusHash(resource.object);
}

/**
 * A codec for any Kubernetes object. Attributes are as {@link jsonCodec} writes them; `metadata` holds `apiVersion`, `kind`, `name` and
 * `namespace`, so that who gets a deletion knows what to delete. A deletion has `deletiontimestamp` and no data. Throws `invalid_argument`
 * naming the field (`object.kind is missing`) for what is no Kubernetes object, either way.
 */
export function kubernetesCodec(options: KubernetesCodecOptions): EventCodec<KubernetesResource> {
  return new KubernetesCodec(options);
}

class KubernetesCodec implements EventCodec<KubernetesResource> {
  readonly dataType: CloudEventsDataType;
  readonly #whole: boolean;
  readonly #version: VersionForm;
  readonly #sequence: SequenceIds;

  constructor({ dataType, payload, version, sequence }: KubernetesCodecOptions) {
    this.dataType = typeof dataType === 'string' ? CloudEventsDataType.parse(dataType) : dataType;
    this.#whole = payload === 'object';
    this.#version = version ?? 'auto';
    this.#sequence = sequence ?? snowflakeSequence();
  }

  encodeEvent(source: string, eventType: CloudEventsType, resource: KubernetesResource): Event {
    checkResource(resource, eventType.dataType, this.dataType);
    const { object } = resource;
    const isStatus = eventType.subResource === 'status';
    const deleted = !isStatus && isDeleting(resource);
    if (!deleted && (!isStatus || this.#whole)) checkKubernetesObject(object, 'object');
    const builder = newEventBuilder(source, eventType)
      .withResourceId(resource.uid)
      .withResourceVersion(resource.resourceVersion, this.#version)
      .withClusterName(resource.clusterName)
      .withExtension(Extension.metadata, { kind: 'string', value: namesOf(object) });
    if (deleted) return builder.withDeletionTimestamp(resource.deletionTimestamp).newEvent();
    if (!isStatus) return builder.withJsonData(this.#specOf(object)).newEvent();
    builder
      .withOriginalSource(resource.source)
      .withStatusUpdateSequenceId(this.#sequence())
      .withStatusHash(kubernetesStatusHash(resource));
    const data = this.#whole ? wholeObject(object) : object.status;
    if (data !== undefined) builder.withJsonData(data);
    return builder.newEvent();
  }

  decodeEvent(event: Event): KubernetesResource {
    const attributes = readAttributes(event, this.dataType);
    const data = readJsonData(event);
    const { subResource, metadata, ...rest } = attributes;
    return { ...rest, object: this.#objectOf(data, attributes) };
  }

  #specOf(object: KubernetesObject): KubernetesObject {
    return this.#whole ? wholeObject(object) : applicableObject(object);
  }

  #objectOf(data: unknown, attributes: ResourceAttributes): KubernetesObject {
    const isStatus = attributes.subResource === 'status';
    if (isStatus && !this.#whole) return { ...this.#named(attributes), status: data };
    if (data === undefined && (isStatus || attributes.deletionTimestamp !== undefined)) {
      return this.#named(attributes);
    }
    if (data === undefined) throw missingData(attributes.uid);
    checkKubernetesObject(data, 'data');
    return data;
  }

  /** What is known of an object that did not come along. */
  #named({ uid, metadata, deletionTimestamp }: ResourceAttributes): KubernetesObject {
    const { group, version } = this.dataType;
    const text = (name: string) => {
      const value = metadata[name];
      return typeof value === 'string' && value !== '' ? value : undefined;
    };
    const namespace = text('namespace');
    return {
      apiVersion: text('apiVersion') ?? (group === '' ? version : `${group}/${version}`),
      kind: text('kind') ?? '',
      metadata: {
        name: text('name') ?? uid,
        ...(namespace === undefined ? {} : { namespace }),
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: deletionTimestamp.toISOString() }),
      },
    };
  }
}

function namesOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  return JSON.stringify({ apiVersion, kind, name: metadata?.name, namespace: metadata?.namespace });
}
