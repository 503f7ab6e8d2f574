import {
  type AttributeValue,
  createEvent,
  type Event,
  Extension,
  MANIFEST_BUNDLES,
  readDeletionTimestamp,
  readResourceId,
  readResourceVersion,
  timestampFromDate,
} from 'ce-broker-proto';

const INT32_MAX = 2n ** 31n - 1n;

export interface ResyncAsk {
  readonly cluster: string;
  readonly dataType: string;
  /** What the agent holds, by resource id. */
  readonly listed: ReadonlyMap<string, bigint>;
  readonly newId: () => string;
}

/**
 * What a service's list means for an agent (Go: `GRPCBroker.respondResyncSpecRequest`): whatever is being deleted, has version
 * 0 or is newer than the agent has. Listed resources that the service does not know are deleted, but only where it knows others:
 * an empty list is more likely a service that has lost its data.
 */
export function* answersOf(events: Iterable<Event>, ask: ResyncAsk): Iterable<Event> {
  const known = new Set<string>();
  let source: string | undefined;
  for (const event of events) {
    const id = readResourceId(event);
    if (id === undefined) continue;
    known.add(id);
    source ??= event.source;
    const version = readResourceVersion(event) ?? 0n;
    const has = ask.listed.get(id);
    const isNews =
      readDeletionTimestamp(event) !== undefined || version === 0n || has === undefined || version > has;
    if (isNews) yield { ...event, type: responseType(ask) };
  }
  if (source === undefined) return;
  for (const [id, version] of ask.listed) {
    if (!known.has(id)) yield deletion(ask, source, id, version);
  }
}

/** Carries the version that was asked with: agents drop a deletion without one. */
function deletion(ask: ResyncAsk, source: string, id: string, version: bigint): Event {
  const now = timestampFromDate(new Date());
  return createEvent({
    id: ask.newId(),
    source,
    type: responseType(ask),
    time: now,
    extensions: [
      [Extension.clusterName, { kind: 'string', value: ask.cluster }],
      [Extension.resourceId, { kind: 'string', value: id }],
      [Extension.resourceVersion, versionValue(ask.dataType, version)],
      [Extension.deletionTimestamp, { kind: 'timestamp', value: now }],
    ],
  });
}

function versionValue(dataType: string, version: bigint): AttributeValue {
  if (dataType === MANIFEST_BUNDLES && version <= INT32_MAX)
    return { kind: 'integer', value: Number(version) };
  return { kind: 'string', value: String(version) };
}

function responseType({ dataType }: ResyncAsk): string {
  return `${dataType}.spec.resync_response`;
}
