import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  CeBrokerError,
  type CloudEventsType,
  createEvent,
  type Event,
  type EventData,
  Extension,
  INT64_MAX,
  INT64_MIN,
  MANIFEST_BUNDLES,
  parseInt64,
  parseRfc3339,
  timestampFromDate,
  timestampFromMillis,
} from 'ce-broker-proto';

/**
 * How a resource version is written. `integer`: as v0.15 does for every type. `string`: as v1.3 does for every type but ManifestBundles,
 * whose readers of those types skip an integer (those of v0.15 read both). `auto`: what the readers of that type take:
 * an integer for ManifestBundles, a string for all others.
 */
export type VersionForm = 'integer' | 'string' | 'auto';

/**
 * Builds events of one source and type with the attributes of the SDK (Go: `types.NewEventBuilder`).
 *
 * ```ts
 * newEventBuilder('source1', type).withResourceId(id).withResourceVersion(3n).withClusterName('c1').withJsonData(spec).newEvent();
 * ```
 */
export function newEventBuilder(source: string, eventType: CloudEventsType): EventBuilder {
  return new EventBuilder(source, eventType);
}

/** See {@link newEventBuilder}. Each call changes this builder and gives it back. */
export class EventBuilder {
  readonly #source: string;
  readonly #type: CloudEventsType;
  readonly #extensions = new Map<string, AttributeValue>();
  #clusterName = '';
  #originalSource = '';
  #contentType: string | undefined;
  #data: EventData | undefined;

  constructor(source: string, eventType: CloudEventsType) {
    this.#source = source;
    this.#type = eventType;
  }

  /** `resourceid`; empty: none. */
  withResourceId(resourceId: string): this {
    return this.#text(Extension.resourceId, resourceId);
  }

  /**
   * `resourceversion`, 0 too. An integer of the wire has 32 bits: a greater version is written as a string in either form, where
   * Go drops the attribute without a word. Throws `invalid_argument` when it is no whole number of 64 bits.
   */
  withResourceVersion(version: bigint | number | string, form: VersionForm = 'auto'): this {
    const number = int64Of(version);
    const integer =
      form === 'integer' || (form === 'auto' && this.#type.dataType.toString() === MANIFEST_BUNDLES);
    const value: AttributeValue =
      integer && BigInt.asIntN(32, number) === number
        ? { kind: 'integer', value: Number(number) }
        : { kind: 'string', value: String(number) };
    return this.withExtension(Extension.resourceVersion, value);
  }

  /** `sequenceid`; empty: none. */
  withStatusUpdateSequenceId(sequenceId: string): this {
    return this.#text(Extension.sequenceId, sequenceId);
  }

  /** `clustername`, which every event has; empty unless given. */
  withClusterName(clusterName: string): this {
    this.#clusterName = clusterName;
    return this;
  }

  /** `originalsource`, which every event has; empty unless given. */
  withOriginalSource(originalSource: string): this {
    this.#originalSource = originalSource;
    return this;
  }

  /** `deletiontimestamp`; none for undefined and an empty string. Text is RFC 3339; throws `invalid_argument` for any other. */
  withDeletionTimestamp(at: Date | string | null | undefined): this {
    if (at === undefined || at === null || at === '') {
      this.#extensions.delete(Extension.deletionTimestamp);
      return this;
    }
    const value = typeof at === 'string' ? parseRfc3339(at) : timestampFromDate(at);
    if (value === undefined) {
      throw wrong(
        Extension.deletionTimestamp,
        `is ${JSON.stringify(at)}; it must be an RFC 3339 time such as 2025-03-14T15:09:26Z`,
      );
    }
    return this.withExtension(Extension.deletionTimestamp, { kind: 'timestamp', value });
  }

  /** `statushash`; empty: none. */
  withStatusHash(statusHash: string): this {
    return this.#text(Extension.statusHash, statusHash);
  }

  /** Any other extension: lower-case letters and digits, without the `ce-` of the wire. */
  withExtension(name: string, value: AttributeValue): this {
    this.#extensions.set(name, value);
    return this;
  }

  /** Bytes as they are. */
  withData(data: Uint8Array, contentType: string): this {
    this.#data = { kind: 'binary', value: data };
    this.#contentType = contentType;
    return this;
  }

  /** The value as JSON, in UTF-8. Throws `invalid_argument` for what JSON cannot hold. */
  withJsonData(value: unknown): this {
    return this.withData(jsonBytes(value), 'application/json');
  }

  /** An event with a fresh id (UUID v4) and the present time, each time. */
  newEvent(): Event {
    const extensions = new Map(this.#extensions);
    extensions.set(Extension.clusterName, { kind: 'string', value: this.#clusterName });
    extensions.set(Extension.originalSource, { kind: 'string', value: this.#originalSource });
    return createEvent({
      id: randomUUID(),
      source: this.#source,
      type: this.#type.toString(),
      time: timestampFromMillis(Date.now()),
      dataContentType: this.#contentType,
      extensions,
      data: this.#data,
    });
  }

  #text(name: string, value: string): this {
    if (value === '') this.#extensions.delete(name);
    else this.#extensions.set(name, { kind: 'string', value });
    return this;
  }
}

function int64Of(version: bigint | number | string): bigint {
  const number =
    typeof version === 'string'
      ? parseInt64(version)
      : typeof version === 'bigint'
        ? version
        : Number.isSafeInteger(version)
          ? BigInt(version)
          : undefined;
  if (number !== undefined && number >= INT64_MIN && number <= INT64_MAX) return number;
  const shown = typeof version === 'string' ? JSON.stringify(version.slice(0, 100)) : String(version);
  throw wrong(Extension.resourceVersion, `is ${shown}; it must be a whole number of 64 bits`);
}

function jsonBytes(value: unknown): Buffer {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('invalid_argument', `the data cannot be written as JSON: ${why}`, {
      field: 'data',
      cause,
    });
  }
  if (json === undefined) {
    throw new CeBrokerError('invalid_argument', `the data is ${typeof value}, which JSON cannot hold`, {
      field: 'data',
    });
  }
  return Buffer.from(json, 'utf8');
}

function wrong(name: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `${name} ${what}`, { field: `ce-${name}` });
}
