import {
  type AttributeValue,
  createEvent,
  encodeEvent,
  encodePublishRequest,
  timestampFromMillis,
} from 'ce-broker-proto';

/** The data types of the scripts, by short name. */
export const DATA_TYPES: Readonly<Record<string, string>> = {
  works: 'io.example.v1.works',
  jobs: 'io.example.v1.jobs',
  bundles: 'io.open-cluster-management.works.v1alpha1.manifestbundles',
  leases: 'coordination.k8s.io.v1.leases',
  tokens: 'authentication.k8s.io.v1.tokenrequests',
  events: 'events.k8s.io.v1.events',
};

export interface EventFields {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly cluster?: string | undefined;
  readonly originalSource?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly version?: string | undefined;
  readonly deletedAt?: number | undefined;
  readonly time?: number | undefined;
  readonly sequenceId?: string | undefined;
  readonly statusHash?: string | undefined;
  readonly metadata?: string | undefined;
  readonly data?: unknown;
}

/** A PublishRequest as a Go client of today would write it. */
export function publishRequest(fields: EventFields): Uint8Array {
  const extensions: [string, AttributeValue][] = [];
  const text = (name: string, value: string | undefined) => {
    if (value !== undefined) extensions.push([name, { kind: 'string', value }]);
  };
  text('clustername', fields.cluster);
  text('originalsource', fields.originalSource);
  text('resourceid', fields.resourceId);
  if (fields.version !== undefined) extensions.push(['resourceversion', versionValue(fields.version)]);
  if (fields.deletedAt !== undefined) {
    extensions.push([
      'deletiontimestamp',
      { kind: 'timestamp', value: timestampFromMillis(fields.deletedAt) },
    ]);
  }
  text('sequenceid', fields.sequenceId);
  text('statushash', fields.statusHash);
  text('metadata', fields.metadata);
  const event = encodeEvent(
    createEvent({
      id: fields.id,
      source: fields.source,
      type: fields.type,
      time: fields.time === undefined ? undefined : timestampFromMillis(fields.time),
      dataContentType: fields.data === undefined ? undefined : 'application/json',
      extensions,
      data:
        fields.data === undefined
          ? undefined
          : { kind: 'binary', value: new TextEncoder().encode(JSON.stringify(fields.data)) },
    }),
  );
  return encodePublishRequest(event);
}

function versionValue(version: string): AttributeValue {
  return /^\d{1,9}$/.test(version)
    ? { kind: 'integer', value: Number(version) }
    : { kind: 'string', value: version };
}

/** The body of a ManifestBundle status, with the condition that confirms a deletion or without. */
export function bundleStatus(deleted: boolean): unknown {
  return { conditions: [{ type: deleted ? 'Deleted' : 'Applied', status: 'True' }], resourceStatus: [] };
}
