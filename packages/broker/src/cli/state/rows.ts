import { decodeEvent, eventDataBytes } from 'ce-broker-proto';
import type { EventRow } from '../../server/admin/event-row.js';
import type { CellRow, ResourceDetail } from '../../server/admin/state-rows.js';
import { compactJson, utf8 } from '../events/data.js';
import { indentJson } from '../events/indent-json.js';
import { visible, visibleLines } from '../visible.js';
import { formatAge, formatSize } from './table.js';
import { wrap } from './wrap.js';

const SYNC = {
  answered: 'in sync: the newest status answers the newest spec',
  'no-status': 'out of sync: nothing was reported yet',
  behind: 'out of sync: the newest status is of an earlier spec',
  unconfirmed: 'out of sync: the deletion is not confirmed',
};

/** A resource for a person. */
export function describeResource(resource: ResourceDetail): string {
  const { cluster, dataType, held, id, owner, requestEvent, specEvent, state, statusEvent, sync } = resource;
  return [
    visible(
      `${id} on ${cluster}, ${dataType}: ${state}, ${owner === null ? 'owned by nobody' : `owned by ${owner}`}`,
    ),
    '\n',
    held === null ? '' : `${wrap(visible(`  held: ${held}`), '    ')}\n`,
    sync === null ? '' : `  ${SYNC[sync]}\n`,
    side('spec', resource.spec, specEvent),
    side('status', resource.status, statusEvent),
    resource.request === null ? '' : side('asked by an agent', resource.request, requestEvent),
  ].join('');
}

function side(name: string, cell: CellRow | null, event: EventRow | null): string {
  if (cell === null) return `  ${name}: none\n`;
  const { ageMs, by, bytes, version } = cell;
  const facts = [`v${version}`, `${formatAge(ageMs)} old`, formatSize(bytes)];
  if (event !== null) facts.push(`${event.type.split('.').at(-1)} from ${event.source}`);
  if (by !== null) facts.push(`user ${by}`);
  if (event !== null) facts.push(`event ${event.id}`);
  const head = `${wrap(visible(`  ${name}: ${facts.join(', ')}`), '    ')}\n`;
  if (event === null || event.data === null) return head;
  const data = event.data === undefined ? '(secret)' : visibleLines(readable(event));
  return `${head}${data.replace(/^/gm, '    ')}\n`;
}

function readable(event: EventRow): string {
  const json = dataAsItCame(event);
  return (json === undefined ? undefined : indentJson(json)) ?? JSON.stringify(event.data, undefined, 2);
}

/** The row as JSON, with the data as its source wrote it. */
export function detailToJson(resource: ResourceDetail): string {
  return toJson(resource, (key, value) =>
    key.endsWith('Event') && value !== null
      ? toJson(value as EventRow, (name) => (name === 'data' ? dataAsItCame(value as EventRow) : undefined))
      : undefined,
  );
}

function toJson(row: object, written: (key: string, value: unknown) => string | undefined): string {
  const members = Object.entries(row).map(
    ([key, value]) => `${JSON.stringify(key)}:${written(key, value) ?? JSON.stringify(value)}`,
  );
  return `{${members.join(',')}}`;
}

/** JSON data on one line with all its digits, which the parsed data has lost; undefined for text and bytes. */
function dataAsItCame({ data, encoded }: EventRow): string | undefined {
  if (encoded === undefined || data === null || typeof data === 'string') return undefined;
  const bytes = eventDataBytes(decodeEvent(Buffer.from(encoded, 'base64')));
  const text = bytes === undefined ? undefined : utf8(bytes);
  return text === undefined ? undefined : compactJson(text);
}
