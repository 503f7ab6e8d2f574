import { formatAge } from './table.js';

/** What `/state` says of one side of a resource; the fields that are shown. */
export interface Cell {
  readonly version: number | string;
  readonly ageMs: number;
  readonly bytes: number;
}

export interface Resource {
  readonly id: string;
  readonly cluster: string;
  readonly dataType: string;
  readonly owner: string | null;
  readonly state: string;
  readonly spec: Cell | null;
  readonly status: Cell | null;
}

export interface Orphan {
  readonly id: string;
  readonly cluster: string;
  readonly dataType: string;
  readonly version: number | string;
  readonly ageMs: number;
}

interface EventRow {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** Absent for a data type whose policy says that its payload is secret. */
  readonly data?: unknown;
}

export interface Detail extends Resource {
  readonly specEvent: EventRow | null;
  readonly statusEvent: EventRow | null;
}

/** A resource for a person. */
export function describeResource(resource: Detail): string {
  const { cluster, dataType, id, owner, specEvent, state, statusEvent } = resource;
  return [
    `${id} on ${cluster}, ${dataType}: ${state}, ${owner === null ? 'owned by nobody' : `owned by ${owner}`}\n`,
    side('spec', resource.spec, specEvent),
    side('status', resource.status, statusEvent),
  ].join('');
}

function side(name: string, cell: Cell | null, event: EventRow | null): string {
  if (cell === null) return `  ${name}: none\n`;
  const action = event?.type.split('.').at(-1) ?? '';
  const from = event === null ? '' : `, ${action} from ${event.source}, event ${event.id}`;
  const head = `  ${name}: v${cell.version}, ${formatAge(cell.ageMs)} old, ${cell.bytes} bytes${from}\n`;
  if (event === null || event.data === null) return head;
  const data = event.data === undefined ? '(secret)' : JSON.stringify(event.data, undefined, 2);
  return `${head}${data.replace(/^/gm, '    ')}\n`;
}
