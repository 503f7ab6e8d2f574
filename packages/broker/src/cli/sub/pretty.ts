import { type Event, eventDataBytes, readStringExtension } from 'ce-broker-proto';
import pc from 'picocolors';
import { utf8 } from '../events/data.js';
import { indentJson } from '../events/indent-json.js';
import { eventToLine } from '../events/line.js';
import { visible, visibleLines } from '../visible.js';

/** An event for a person: a headline, and the data indented below. */
export function prettyEvent(event: Event, color: boolean): string {
  const line: unknown = JSON.parse(eventToLine(event));
  const { cluster, resourceId, resourceVersion, deletionTimestamp, time } = line as Record<string, unknown>;
  const { cyan, dim, green, red, yellow } = pc.createColors(color && pc.isColorSupported);
  const parts = event.type.split('.');
  const action = parts.at(-1) ?? '';
  const isStatus = parts.at(-2) === 'status';
  const verb = deletionTimestamp === null ? (isStatus ? cyan : green) : red;
  const owner = isStatus ? ` of ${readStringExtension(event, 'originalsource') || 'all sources'}` : '';
  const words = [
    dim(String(time ?? '-')),
    verb(visible(`${isStatus ? 'status' : 'spec'} ${action}`)),
    yellow(visible(`${cluster ?? '-'}/${resourceId ?? '-'}`)),
    resourceVersion === null ? '' : `v${String(resourceVersion)}`,
    dim(visible(`from ${event.source}${owner} ${parts.slice(0, -2).join('.')}`)),
  ];
  const data = indented(event);
  return `${words.filter((word) => word !== '').join(' ')}\n${data === '' ? '' : `${data}\n`}`;
}

function indented(event: Event): string {
  const bytes = eventDataBytes(event);
  if (bytes === undefined || bytes.length === 0) return '';
  const text = utf8(bytes);
  if (text === undefined) return `  (${bytes.length} bytes of ${visible(event.dataContentType ?? 'data')})`;
  return visibleLines(indentJson(text) ?? text.trimEnd())
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
