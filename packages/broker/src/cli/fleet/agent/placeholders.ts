import type { CloudEventsOptions } from 'ce-broker-client';
import type { FileStatus, Report } from '../file-resource.js';
import { filteredOptions } from '../filtered-options.js';
import { reportOf } from '../status-json.js';

/** Stands for the status of a file with which the agent is not done for the first time. It never goes out. */
export const PENDING: FileStatus = Object.freeze({
  state: 'pending',
  action: 'ADDED',
  time: new Date(0).toISOString(),
});

/** Of what has come, and nothing was done for. */
export const NO_REPORT: Report = Object.freeze(reportOf(PENDING, '0', '0'));

/** The only text of a status that begins so: quotes in what a command said are escaped. */
const MARK = Buffer.from('{"state":"pending"');

/** A connection that lets only statuses out that say something: asked by a source, a client sends one for all that its lister has. */
export function withoutPlaceholders(options: CloudEventsOptions): CloudEventsOptions {
  return filteredOptions(
    options,
    (event) => !Buffer.from(event.buffer, event.byteOffset, event.byteLength).includes(MARK),
  );
}
