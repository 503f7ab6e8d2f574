import {
  codeFromGrpc,
  decodeEvent,
  decodeSpecResyncBody,
  decodeStatusResyncBody,
  type Event,
  eventDataBytes,
  isHeartbeat,
  readClusterName,
  readDeletionTimestamp,
  readMetadata,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
} from 'ce-broker-proto';
import { DATA_TYPES } from './events.js';
import type { Answer } from './world.js';

/** What a subscriber got, as one line of a script. */
export function printDelivery(label: string, message: Uint8Array): string {
  if (isHeartbeat(message)) return `${label} gets a heartbeat`;
  const event = decodeEvent(message);
  const parts = event.type.split('.');
  const action = parts.at(-1) ?? '';
  const subResource = parts.at(-2) ?? '';
  const dataType = shortName(parts.slice(0, -2).join('.'));
  if (action === 'resync_request') return printRequest(label, event, subResource, dataType);
  const version = versionOf(event);
  const words = [
    `${label} gets`,
    subResource === 'status' ? 'status' : action.replace('_request', '').replace('_', '-'),
    `${readClusterName(event) ?? '-'}/${readResourceId(event) ?? '-'}`,
    version === undefined ? '' : `v${version}`,
    `from ${event.source}`,
    readDeletionTimestamp(event) === undefined ? '' : 'deletion',
    readSequenceId(event) === undefined ? '' : `seq ${readSequenceId(event)}`,
    readMetadata(event) === undefined ? '' : `metadata ${readMetadata(event)}`,
    dataType === 'works' ? '' : `type ${dataType}`,
  ];
  return words.filter((word) => word !== '').join(' ');
}

function versionOf(event: Event): string | undefined {
  try {
    return readResourceVersion(event)?.toString();
  } catch {
    return '?';
  }
}

function printRequest(label: string, event: Event, subResource: string, dataType: string): string {
  const data = eventDataBytes(event) ?? new Uint8Array();
  const of = dataType === 'works' ? '' : ` type ${dataType}`;
  if (subResource === 'spec') {
    const list = decodeSpecResyncBody(data).map((entry) => `${entry.resourceId} v${entry.resourceVersion}`);
    const named = readOriginalSource(event);
    const whose = named === undefined || named === '' ? 'all' : named;
    return `${label} is asked for the specs of ${whose} on ${readClusterName(event)}${of}: ${listed(list)}`;
  }
  const list = decodeStatusResyncBody(data).map(
    (entry) => `${entry.resourceId} ${entry.statusHash === '' ? '-' : entry.statusHash}`,
  );
  return `${label} is asked by ${event.source} for statuses${of}: ${listed(list)}`;
}

function listed(list: readonly string[]): string {
  // The order in a list means nothing, and depends on what is in memory.
  return list.length === 0 ? 'everything' : [...list].sort().join(', ');
}

export function printAnswer(answer: Answer): string {
  return answer.code === 0 ? 'ok' : `refused ${codeFromGrpc(answer.code)}: ${answer.message}`;
}

export function shortName(dataType: string): string {
  for (const [short, long] of Object.entries(DATA_TYPES)) {
    if (long === dataType) return short;
  }
  return dataType;
}
