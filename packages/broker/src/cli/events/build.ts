import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  createEvent,
  type Event,
  type EventData,
  Extension,
  type SubResource,
  type Timestamp,
  timestampFromMillis,
} from 'ce-broker-proto';
import { versionValue } from './line.js';

/** What a person says of an event; the rest follows. */
export interface EventFacts {
  readonly id?: string | undefined;
  readonly source: string;
  /** `<group>.<version>.<resource>` */
  readonly dataType: string;
  readonly subResource: SubResource;
  readonly action: string;
  readonly cluster: string;
  readonly resourceId?: string | undefined;
  readonly resourceVersion?: bigint | undefined;
  readonly originalSource?: string | undefined;
  readonly deletionTimestamp?: Timestamp | undefined;
  /** Undefined: the current time. */
  readonly time?: Timestamp | undefined;
  readonly contentType?: string | undefined;
  readonly data?: EventData | undefined;
  readonly more?: Iterable<readonly [string, AttributeValue]> | undefined;
}

/** The event as Go's event builder makes it: `clustername` and `originalsource` are always there, if only as "". */
export function buildEvent(facts: EventFacts): Event {
  const text = (value: string): AttributeValue => ({ kind: 'string', value });
  const extensions: [string, AttributeValue][] = [
    [Extension.clusterName, text(facts.cluster)],
    [Extension.originalSource, text(facts.originalSource ?? '')],
  ];
  const { resourceId, resourceVersion, deletionTimestamp } = facts;
  if (resourceId !== undefined) extensions.push([Extension.resourceId, text(resourceId)]);
  if (resourceVersion !== undefined) {
    extensions.push([Extension.resourceVersion, versionValue(facts.dataType, resourceVersion)]);
  }
  if (deletionTimestamp !== undefined) {
    extensions.push([Extension.deletionTimestamp, { kind: 'timestamp', value: deletionTimestamp }]);
  }
  return createEvent({
    id: facts.id ?? randomUUID(),
    source: facts.source,
    type: `${facts.dataType}.${facts.subResource}.${facts.action}`,
    time: facts.time ?? timestampFromMillis(Date.now()),
    dataContentType: facts.contentType,
    data: facts.data,
    extensions: [...extensions, ...(facts.more ?? [])],
  });
}

const SNOWFLAKE_EPOCH_MS = 1_288_834_974_657n;

/**
 * `sequenceid`s as Go agents write them (snowflakes: milliseconds, node, step), so that a status from here is newer than
 * what an agent said before it.
 */
export class SequenceIds {
  private last = 0n;

  next(): string {
    const fromClock = (BigInt(Date.now()) - SNOWFLAKE_EPOCH_MS) << 22n;
    this.last = fromClock > this.last ? fromClock : this.last + 1n;
    return String(this.last);
  }
}
