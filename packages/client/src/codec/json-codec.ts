import {
  CeBrokerError,
  CloudEventsDataType,
  type CloudEventsType,
  type Event,
  Extension,
} from 'ce-broker-proto';
import type { EventCodec } from '../generic/codec.js';
import type { StatusHashGetter } from '../generic/lister.js';
import { isDeleting } from '../generic/resource.js';
import { newEventBuilder, type VersionForm } from './event-builder.js';
import { type JsonResource, statusHashFor } from './json-resource.js';
import { checkResource, missingData, readAttributes, readJsonData } from './read-attributes.js';
import { type SequenceIds, snowflakeSequence } from './sequence.js';

/** What {@link jsonCodec} is made of. */
export interface JsonCodecOptions<Spec, Status> {
  /** `<group>.<version>.<resource>`, or parsed. */
  readonly dataType: CloudEventsDataType | string;
  /** How `resourceversion` is written; read in either form. Default `auto`. */
  readonly version?: VersionForm | undefined;
  /** Gives the `sequenceid` of each status. Default: a {@link snowflakeSequence} of this codec's own. */
  readonly sequence?: SequenceIds | undefined;
  /** Gives the `statushash` of each status. Default: {@link jsonStatusHash}; for ManifestBundles {@link manifestBundleStatusHash}. */
  readonly statusHash?: StatusHashGetter<JsonResource<Spec, Status>> | undefined;
}

/**
 * A codec for any JSON document.
 *
 * Of a spec the data is the JSON of `spec`, and the attributes are `resourceid`, `resourceversion`, `clustername`, and
 * `metadata` (`{"name":...}`) when there is a name; a deletion has `deletiontimestamp` and no data. Of a status the data is the JSON
 * of `status` (none while there is no status), with `originalsource`, a new `sequenceid` each time, `statushash`, and the
 * `resourceversion` of the spec that it is about. What is received is not checked against `Spec` and `Status`.
 */
export function jsonCodec<Spec = unknown, Status = unknown>(
  options: JsonCodecOptions<Spec, Status>,
): EventCodec<JsonResource<Spec, Status>> {
  return new JsonCodec(options);
}

class JsonCodec<Spec, Status> implements EventCodec<JsonResource<Spec, Status>> {
  readonly dataType: CloudEventsDataType;
  readonly #version: VersionForm;
  readonly #sequence: SequenceIds;
  readonly #statusHash: StatusHashGetter<JsonResource<Spec, Status>>;

  constructor({ dataType, version, sequence, statusHash }: JsonCodecOptions<Spec, Status>) {
    this.dataType = typeof dataType === 'string' ? CloudEventsDataType.parse(dataType) : dataType;
    this.#version = version ?? 'auto';
    this.#sequence = sequence ?? snowflakeSequence();
    this.#statusHash = statusHash ?? statusHashFor(this.dataType.toString());
  }

  encodeEvent(source: string, eventType: CloudEventsType, resource: JsonResource<Spec, Status>): Event {
    checkResource(resource, eventType.dataType, this.dataType);
    const builder = newEventBuilder(source, eventType)
      .withResourceId(resource.uid)
      .withResourceVersion(resource.resourceVersion, this.#version)
      .withClusterName(resource.clusterName);
    if (resource.name !== undefined && resource.name !== '') {
      const value = JSON.stringify({ name: resource.name });
      builder.withExtension(Extension.metadata, { kind: 'string', value });
    }
    if (eventType.subResource === 'status') {
      builder
        .withOriginalSource(resource.source)
        .withStatusUpdateSequenceId(this.#sequence())
        .withStatusHash(this.#statusHash(resource));
      if (resource.status !== undefined) builder.withJsonData(resource.status);
    } else if (isDeleting(resource)) builder.withDeletionTimestamp(resource.deletionTimestamp);
    else if (resource.spec === undefined) throw missingData(resource.uid);
    else builder.withJsonData(resource.spec);
    return builder.newEvent();
  }

  decodeEvent(event: Event): JsonResource<Spec, Status> {
    const { subResource, metadata, ...attributes } = readAttributes(event, this.dataType);
    const name = metadata['name'];
    if (name !== undefined && typeof name !== 'string') {
      throw new CeBrokerError('invalid_argument', 'attribute ce-metadata: its name must be a string', {
        field: 'ce-metadata',
      });
    }
    const data = readJsonData(event);
    if (subResource === 'status') {
      return { ...attributes, name, spec: undefined, status: data as Status | undefined };
    }
    if (attributes.deletionTimestamp !== undefined) return { ...attributes, name };
    if (data === undefined) throw missingData(attributes.uid);
    return { ...attributes, name, spec: data as Spec };
  }
}
