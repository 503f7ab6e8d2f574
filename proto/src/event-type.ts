import { CeBrokerError } from './errors.js';

/** Whether an event tells what should be or what is (Go: `types.EventSubResource`). */
export type SubResource = 'spec' | 'status';

/** The actions that the SDK knows; any other string is legal too (Go: `types.EventAction`). */
export const EventAction = Object.freeze({
  createRequest: 'create_request',
  updateRequest: 'update_request',
  deleteRequest: 'delete_request',
  watchRequest: 'watch_request',
  resyncRequest: 'resync_request',
  resyncResponse: 'resync_response',
});

/** The type of the events that show a subscriber that its stream is alive. */
export const HEARTBEAT_TYPE = 'io.open-cluster-management.cloudevents.heartbeat';

/** The data type of ManifestWorks on the wire. */
export const MANIFEST_BUNDLES = 'io.open-cluster-management.works.v1alpha1.manifestbundles';

/** What kind of resource an event is about (Go: `types.CloudEventsDataType`). */
export class CloudEventsDataType {
  /** The group of the resource, which may itself hold dots. */
  readonly group: string;
  readonly version: string;
  readonly resource: string;

  constructor(group: string, version: string, resource: string) {
    this.group = group;
    this.version = version;
    this.resource = resource;
  }

  /**
   * Reads `<group>.<version>.<resource>`; at least three parts, any of which may be empty
   * (Go: `types.ParseCloudEventsDataType`). Throws `invalid_argument`.
   */
  static parse(text: string): CloudEventsDataType {
    const parts = text.split('.');
    if (parts.length < 3) {
      throw new CeBrokerError(
        'invalid_argument',
        `data type ${quote(text)} must have at least three dot-separated parts: <group>.<version>.<resource>`,
        { field: 'data_type' },
      );
    }
    return new CloudEventsDataType(parts.slice(0, -2).join('.'), parts.at(-2) ?? '', parts.at(-1) ?? '');
  }

  equals(other: CloudEventsDataType): boolean {
    return this.group === other.group && this.version === other.version && this.resource === other.resource;
  }

  toString(): string {
    return `${this.group}.${this.version}.${this.resource}`;
  }
}

/** The type of an event: data type, spec or status, and action (Go: `types.CloudEventsType`). */
export class CloudEventsType {
  readonly dataType: CloudEventsDataType;
  readonly subResource: SubResource;
  readonly action: string;

  constructor(dataType: CloudEventsDataType, subResource: SubResource, action: string) {
    this.dataType = dataType;
    this.subResource = subResource;
    this.action = action;
  }

  /**
   * Reads `<group>.<version>.<resource>.<spec|status>.<action>`; at least five parts, any but the fourth of which may
   * be empty (Go: `types.ParseCloudEventsType`). Throws `invalid_argument` with field `type`.
   */
  static parse(text: string): CloudEventsType {
    const parts = splitEventType(text);
    return new CloudEventsType(CloudEventsDataType.parse(parts.dataType), parts.subResource, parts.action);
  }

  toString(): string {
    return `${this.dataType.toString()}.${this.subResource}.${this.action}`;
  }
}

/** An event type cut in three, the data type left whole. */
export interface EventTypeParts {
  readonly dataType: string;
  readonly subResource: SubResource;
  readonly action: string;
}

/** Cuts an event type without making objects of its data type; the same rules as {@link CloudEventsType.parse}. */
export function splitEventType(text: string): EventTypeParts {
  const actionDot = text.lastIndexOf('.');
  const subDot = actionDot <= 0 ? -1 : text.lastIndexOf('.', actionDot - 1);
  const dataType = subDot < 0 ? '' : text.slice(0, subDot);
  const firstDot = dataType.indexOf('.');
  if (firstDot < 0 || dataType.indexOf('.', firstDot + 1) < 0) {
    const given = text === '' ? 'type is empty' : `type ${quote(text)} has ${partsIn(text)}`;
    throw new CeBrokerError(
      'invalid_argument',
      `${given}; it must have at least five dot-separated parts: <group>.<version>.<resource>.<spec|status>.<action>`,
      { field: 'type' },
    );
  }
  const subResource = text.slice(subDot + 1, actionDot);
  if (subResource !== 'spec' && subResource !== 'status') {
    throw new CeBrokerError(
      'invalid_argument',
      `type ${quote(text)} has ${quote(subResource)} before its action; it must be "spec" or "status"`,
      { field: 'type' },
    );
  }
  return { dataType, subResource, action: text.slice(actionDot + 1) };
}

function partsIn(text: string): string {
  const parts = text.split('.').length;
  return parts === 1 ? 'one part' : `${parts} parts`;
}

/** Quotes a value for an error message, and cuts one that would flood it. */
function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
