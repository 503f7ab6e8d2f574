/**
 * What the broker knows of an event: the attributes that routing and state need, read from the raw bytes.
 * The payload stays where it is: `dataStart` and `dataEnd` say where.
 */
export interface Envelope {
  /** The CloudEvent message as it came in, and as it goes out (not the PublishRequest around it). */
  readonly bytes: Uint8Array;
  readonly id: string;
  readonly source: string;
  readonly type: EventType;
  /** `clustername`; undefined when absent. */
  readonly cluster: string | undefined;
  /** `originalsource`; undefined when absent, `""` means all sources. */
  readonly originalSource: string | undefined;
  /** `resourceid`; undefined when absent. */
  readonly resourceId: string | undefined;
  /** `resourceversion` as written (integer or string form); `0n` when absent or not a number. */
  readonly version: bigint;
  readonly versionState: VersionState;
  /** `deletiontimestamp` is present (and well-formed: a malformed one is refused by the scan). */
  readonly deleting: boolean;
  /** `deletiontimestamp` in milliseconds since the epoch; 0 when `deleting` is false. */
  readonly deletedAt: number;
  /** `ce-time` in milliseconds since the epoch; 0 when absent. */
  readonly time: number;
  /** `sequenceid`; undefined when absent. */
  readonly sequenceId: string | undefined;
  /** `statushash`; undefined when absent. */
  readonly statusHash: string | undefined;
  /** The extension `metadata` is present. */
  readonly hasMetadata: boolean;
  /** `contenttype`; undefined when absent. */
  readonly contentType: string | undefined;
  /** Where the data (binary_data or text_data) lies in `bytes`; both 0 when there is none. */
  readonly dataStart: number;
  readonly dataEnd: number;
}

export type VersionState = 'absent' | 'valid' | 'invalid';

/** A parsed event type; shared among events of the same type. Compare names: the table of types is bounded, and may begin anew. */
export interface EventType {
  /** The whole type string. */
  readonly name: string;
  /** The type without its last two parts, for example `io.open-cluster-management.works.v1alpha1.manifestbundles`. */
  readonly dataType: string;
  readonly subResource: 'spec' | 'status';
  readonly action: string;
}
