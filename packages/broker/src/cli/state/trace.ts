import type { ReasonRow, RefusalRow, StageRow, TraceRow } from '../../server/admin/trace-rows.js';
import { ExitCode } from '../exit-codes.js';
import { visible } from '../visible.js';
import { printResources, type StateFlags } from './read.js';
import { formatAge, formatSize } from './table.js';
import { wrap } from './wrap.js';

/** How far the newest spec and status of a resource came, and what they wait for. */
export async function showTrace(id: string, flags: StateFlags): Promise<number> {
  await printResources<TraceRow>('/state/trace', id, flags, describeTrace);
  return ExitCode.ok;
}

function describeTrace(trace: TraceRow): string {
  const { cluster, dataType, held, id, owner, state } = trace;
  const owned = owner === null ? 'owned by nobody' : `owned by ${owner}`;
  return [
    `${visible(`${id} on ${cluster}, ${dataType}: ${state}${held === null ? '' : ', held'}, ${owned}`)}\n`,
    stage('spec', trace.spec),
    trace.answeredAt === null || trace.spec === null
      ? ''
      : `  ${trace.answeredAt}  answered by status v${trace.status?.version}\n`,
    stage('status', trace.status),
    trace.request === null ? '' : stage('asked by an agent', trace.request),
    why(trace),
    refusals(trace.refusals),
  ].join('');
}

function stage(name: string, row: StageRow | null): string {
  if (row === null) return `${name}: none\n`;
  const source = row.source ?? 'an unknown source';
  const from = row.by === null ? source : `${source}, user ${row.by}`;
  const lines = [
    row.action === null
      ? `${name} v${row.version}: its record is damaged`
      : `${name} v${row.version}: ${row.action}, ${formatSize(row.bytes)}, event ${row.eventId}`,
    ...superseded(row),
    ...(row.stampedAt === null ? [] : [`  ${row.stampedAt}  stamped by its publisher's clock`]),
    `  ${row.at}  received from ${from}`,
    durable(row),
    ...row.deliveries
      .toReversed()
      .map(
        ({ at, name: to, open, role, session, user }) =>
          `  ${at}  delivered to ${role} ${to}, session ${session}, user ${user}${open ? '' : ' (gone)'}`,
      ),
    ...deliveryNotes(row),
  ];
  return `${lines.map((line) => wrap(visible(line), BLANK)).join('\n')}\n`;
}

function durable({ durable: isDurable, durableAt, known }: StageRow): string {
  if (!isDurable) return `${BLANK}not durable yet`;
  if (durableAt !== null) return `  ${durableAt}  durable`;
  if (known === 'all') return `${BLANK}kept in memory`;
  const before = known === 'since-start' ? ' before this start of the broker' : '';
  return `${BLANK}durable${before}`;
}

/** As wide as a time. */
const BLANK = ' '.repeat(28);

function deliveryNotes({ delivered, deliveries, known }: StageRow): readonly string[] {
  if (known === 'since-start') return [`${BLANK}deliveries before this start of the broker: unknown`];
  if (known === 'lately') return [`${BLANK}earlier deliveries: forgotten, much has happened since`];
  if (delivered === 0) return [`${BLANK}delivered to nobody`];
  const more = delivered - deliveries.length;
  return more > 0 ? [`${BLANK}and ${more} deliveries before these`] : [];
}

function superseded({ superseded: rows }: StageRow): readonly string[] {
  return rows.toReversed().map(({ at, delivered, version }) => {
    const times = delivered === 1 ? 'once' : `${delivered} times`;
    const got = delivered === null ? '' : delivered === 0 ? ', delivered to nobody' : `, delivered ${times}`;
    return `  ${at ?? 'time unknown'.padEnd(24)}  before it: ${version === null ? 'a damaged record' : `v${version}`}${got}`;
  });
}

function why({ spec, sync, why: reasons }: TraceRow): string {
  if (reasons.length === 0) return sync === 'answered' && spec !== null ? 'nothing is waiting\n' : '';
  return `why\n${reasons.map((reason) => `${wrap(`  ${reasonLine(reason)}`, '    ')}\n`).join('')}`;
}

/** `spec, since 3m: the agent ...` */
function reasonLine({ about, since, text }: ReasonRow): string {
  const age = since === null ? '' : `, since ${formatAge(Math.max(0, Date.now() - Date.parse(since)))}`;
  return visible(`${about}${age}: ${text}`);
}

function refusals(rows: readonly RefusalRow[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(({ at, code, message, source, user }) =>
    wrap(visible(`  ${at}  ${code}, source ${source}, user ${user}: ${message}`), BLANK),
  );
  return `refused, or without effect\n${lines.join('\n')}\n`;
}
