import { CeBrokerError, type Event, encodeEvent } from 'ce-broker-proto';
import { connect } from '../client/connect.js';
import { ExitCode } from '../exit-codes.js';
import { readNumber } from '../values.js';
import { eventFromFlags, stdinOf } from './event-from-flags.js';
import type { PubFlags } from './flags.js';
import { ANSWER_TIMEOUT_MS, publishLines } from './publish-lines.js';

/** Publishes one event that the flags tell, or without `--id` the events of stdin, one JSON line each. */
export async function pub(flags: PubFlags): Promise<number> {
  const perSecond = flags.rate === undefined ? undefined : readNumber('--rate', flags.rate, 0.001, 1_000_000);
  const event = flags.id === undefined ? undefined : eventFromFlags(flags, await stdinOf(flags));
  if (event === undefined) refuseFlagsOfOneEvent(flags);
  const transport = await connect(flags);
  try {
    if (event === undefined) return await publishLines(transport, flags, perSecond);
    await transport.publish(encodeEvent(event), { timeoutMs: ANSWER_TIMEOUT_MS });
    tellVersion(flags);
    if (process.stderr.isTTY === true)
      process.stderr.write(`published ${nameOf(event)} to ${flags.server}\n`);
    return ExitCode.ok;
  } finally {
    await transport.close();
  }
}

/** As in Go, 0 is what a spec without a version has; that it wins over every version is rarely meant. */
function tellVersion({ resourceVersion, status, delete: isDeletion }: PubFlags): void {
  if (resourceVersion !== undefined || status === true || isDeletion === true) return;
  process.stderr.write('note: no --resource-version: version 0 replaces whatever is there\n');
}

/** These say something of one event; without its id, the events come from stdin. */
function refuseFlagsOfOneEvent(flags: PubFlags): void {
  const { resourceVersion, data, eventId, sequenceId, contentType } = flags;
  const given = Object.entries({
    '--resource-version': resourceVersion,
    '--data': data,
    '--content-type': contentType,
    '--event-id': eventId,
    '--sequence-id': sequenceId,
    '--delete': flags.delete,
  }).find(([, value]) => value !== undefined);
  if (given !== undefined) {
    throw new CeBrokerError('invalid_option', `--id is missing: ${given[0]} belongs to one event`, {
      field: '--id',
    });
  }
  if (process.stdin.isTTY === true) {
    throw new CeBrokerError(
      'invalid_option',
      '--id is missing: give the id of the resource for one event, or pipe events into stdin, one JSON line each',
      { field: '--id' },
    );
  }
}

function nameOf(event: Event): string {
  return `event ${event.id} (${event.type.split('.').slice(-2).join(' ')})`;
}
