import {
  type AttributeValue,
  CloudEventsType,
  type Event,
  Extension,
  formatRfc3339,
  MANIFEST_BUNDLES,
  parseInt64,
  parseRfc3339,
} from 'ce-broker-proto';
import { writeData } from './data.js';
import { valueToJson } from './values.js';

/** The keys of a line, in their order: a contract with the scripts that read them. */
export const LINE_KEYS = Object.freeze([
  'id',
  'source',
  'type',
  'cluster',
  'resourceId',
  'resourceVersion',
  'action',
  'deletionTimestamp',
  'time',
  'extensions',
  'data',
] as const);

/**
 * An event as one line of JSON, without the line break. What is absent is null. `type` is the whole event type, and
 * `action` its last part. `resourceVersion` is a number, beyond 2^53 its digits as text. `extensions` holds what has no
 * key of its own: other extensions, `subject`, `dataschema`, an unusual `datacontenttype`, and those of the keys above
 * whose kind on the wire is not what `pub` would write.
 */
export function eventToLine(event: Event): string {
  const { json, contentType } = writeData(event);
  const parts: Record<(typeof LINE_KEYS)[number], string> = {
    id: JSON.stringify(event.id),
    source: JSON.stringify(event.source),
    type: JSON.stringify(event.type),
    cluster: textOf(event, Extension.clusterName),
    resourceId: textOf(event, Extension.resourceId),
    resourceVersion: versionOf(event),
    action: JSON.stringify(actionOf(event.type)),
    deletionTimestamp: timeOf(event.extensions.get(Extension.deletionTimestamp)),
    time: event.time === undefined ? 'null' : JSON.stringify(formatRfc3339(event.time)),
    extensions: JSON.stringify(otherAttributes(event, contentType)),
    data: json,
  };
  return `{${LINE_KEYS.map((key) => `"${key}":${parts[key]}`).join(',')}}`;
}

/** The kind that readers of this data type expect: ManifestBundles an integer, all others text, which older ones read too. */
export function versionValue(dataType: string, version: bigint): AttributeValue {
  if (dataType === MANIFEST_BUNDLES) return { kind: 'integer', value: Number(version) };
  return { kind: 'string', value: String(version) };
}

function otherAttributes(event: Event, contentType: string | null | undefined): Record<string, unknown> {
  const others: Record<string, unknown> = {};
  if (event.specVersion !== '1.0') others['specversion'] = event.specVersion;
  if (contentType !== undefined) others['datacontenttype'] = contentType;
  if (event.dataSchema !== undefined) others['dataschema'] = event.dataSchema;
  if (event.subject !== undefined) others['subject'] = event.subject;
  for (const [name, value] of event.extensions) {
    if (!hasItsKey(event, name, value)) others[name] = valueToJson(value);
  }
  return others;
}

/** The line has a key for it, and `pub` would write it just so. */
function hasItsKey(event: Event, name: string, value: AttributeValue): boolean {
  switch (name) {
    case Extension.clusterName:
    case Extension.resourceId:
      return value.kind === 'string';
    case Extension.deletionTimestamp:
      return value.kind === 'timestamp';
    case Extension.resourceVersion: {
      const version = readVersion(value);
      if (version === undefined) return false;
      const usual = versionValue(dataTypeOf(event.type), version);
      return usual.kind === value.kind && usual.value === value.value;
    }
    default:
      return false;
  }
}

function textOf(event: Event, name: string): string {
  const value = event.extensions.get(name);
  return value?.kind === 'string' ? JSON.stringify(value.value) : 'null';
}

function timeOf(value: AttributeValue | undefined): string {
  const time =
    value?.kind === 'timestamp'
      ? value.value
      : value?.kind === 'string'
        ? parseRfc3339(value.value)
        : undefined;
  return time === undefined ? 'null' : JSON.stringify(formatRfc3339(time));
}

function versionOf(event: Event): string {
  const version = readVersion(event.extensions.get(Extension.resourceVersion));
  if (version === undefined) return 'null';
  const number = Number(version);
  return Number.isSafeInteger(number) ? String(number) : JSON.stringify(String(version));
}

function readVersion(value: AttributeValue | undefined): bigint | undefined {
  if (value?.kind === 'integer') return BigInt(value.value);
  return value?.kind === 'string' ? parseInt64(value.value) : undefined;
}

function actionOf(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

function dataTypeOf(type: string): string {
  try {
    return CloudEventsType.parse(type).dataType.toString();
  } catch {
    return '';
  }
}
