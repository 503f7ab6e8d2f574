import {
  type AttributeValue,
  CeBrokerError,
  type Event,
  Extension,
  INT64_MAX,
  parseInt64,
  splitEventType,
  timestampFromMillis,
} from 'ce-broker-proto';
import { readFile } from '../client/connection-options.js';
import { buildEvent, SequenceIds } from '../events/build.js';
import { utf8 } from '../events/data.js';
import { wrongValue } from '../values.js';
import type { PubFlags } from './flags.js';

/** The one event that the flags tell. Throws `invalid_option` that names the flag, or `unreadable_file`. */
export function eventFromFlags(flags: PubFlags, stdin: Buffer | undefined): Event {
  const isStatus = flags.status === true;
  const cluster = required('--cluster', flags.cluster);
  const dataType = required('--type', flags.type);
  const action = flags.action ?? defaultAction(flags);
  checkType(dataType, isStatus, action);
  if (isStatus && flags.delete === true) {
    throw new CeBrokerError(
      'invalid_option',
      '--delete and --status exclude each other: a source deletes, and an agent tells that it has: for ManifestBundles with a status ' +
        'whose data has the condition Deleted, for other types by a list without the resource (docs/guide/run.md)',
      { field: '--delete' },
    );
  }
  if (!isStatus && flags.originalSource !== undefined) {
    throw new CeBrokerError(
      'invalid_option',
      '--original-source needs --status: only a status names the source it is for',
      {
        field: '--original-source',
      },
    );
  }
  return buildEvent({
    id: flags.eventId,
    // An agent is known by its cluster.
    source: flags.source ?? (isStatus ? `${cluster}-agent` : required('--source', undefined)),
    dataType,
    subResource: isStatus ? 'status' : 'spec',
    action,
    cluster,
    resourceId: required('--id', flags.id),
    resourceVersion: versionOf(flags.resourceVersion ?? '0'),
    originalSource: isStatus ? required('--original-source', flags.originalSource) : '',
    deletionTimestamp: flags.delete === true ? timestampFromMillis(Date.now()) : undefined,
    ...dataOf(flags, stdin),
    more: isStatus ? [[Extension.sequenceId, sequenceOf(flags)] as const] : [],
  });
}

function defaultAction(flags: PubFlags): string {
  if (flags.delete === true) return 'delete_request';
  return flags.status === true ? 'update_request' : 'create_request';
}

function checkType(dataType: string, isStatus: boolean, action: string): void {
  const given = dataType.split('.').at(-2);
  if (given === 'spec' || given === 'status') {
    throw wrongValue('--type', dataType, `GROUP.VERSION.RESOURCE; the rest comes from --status and --action`);
  }
  try {
    splitEventType(`${dataType}.${isStatus ? 'status' : 'spec'}.${action}`);
  } catch {
    throw wrongValue(
      '--type',
      dataType,
      'GROUP.VERSION.RESOURCE, at least three parts with dots between them',
    );
  }
}

function versionOf(text: string): bigint {
  const version = /^\d+$/.test(text) ? parseInt64(text) : undefined;
  if (version === undefined)
    throw wrongValue('--resource-version', text, `a whole number from 0 to ${INT64_MAX}`);
  return version;
}

function sequenceOf(flags: PubFlags): AttributeValue {
  return { kind: 'string', value: flags.sequenceId ?? new SequenceIds().next() };
}

function dataOf(
  flags: PubFlags,
  stdin: Buffer | undefined,
): Pick<Parameters<typeof buildEvent>[0], 'data' | 'contentType'> {
  const { data, contentType } = flags;
  if (data === undefined) {
    if (flags.delete === true) return {};
    throw new CeBrokerError('invalid_option', '--data is missing: give JSON, @FILE, or @- for stdin', {
      field: '--data',
    });
  }
  const bytes =
    data === '@-'
      ? (stdin ?? Buffer.alloc(0))
      : data.startsWith('@')
        ? readFile('--data', data.slice(1))
        : Buffer.from(data);
  if (contentType === undefined) checkJson(data, bytes);
  return { data: { kind: 'binary', value: bytes }, contentType: contentType ?? 'application/json' };
}

function checkJson(given: string, bytes: Buffer): void {
  try {
    JSON.parse(utf8(bytes) ?? '');
  } catch (cause) {
    const what = given.startsWith('@')
      ? `the content of ${given === '@-' ? 'stdin' : given.slice(1)}`
      : 'the value';
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError(
      'invalid_option',
      `--data: ${what} is not JSON (${reason}); quote it for the shell, or name what it is with --content-type`,
      { field: '--data', cause },
    );
  }
}

/** The whole of stdin, where `--data @-` asks for it. */
export async function stdinOf({ data }: PubFlags): Promise<Buffer | undefined> {
  if (data !== '@-') return undefined;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  } catch (cause) {
    throw new CeBrokerError('unreadable_file', '--data @-: cannot read stdin', { field: '--data', cause });
  }
  return Buffer.concat(chunks);
}

function required(flag: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new CeBrokerError('invalid_option', `${flag} is missing`, { field: flag });
}
