import { CeBrokerError } from 'ce-broker-proto';
import type { BrokerCore } from '../../core/index.js';
import type { Clock } from '../clock.js';
import type { AdminRoute, ChangeAnswer, ChangeRequest } from './route.js';
import { flagOf } from './state-filter.js';

/** A resource has a few earlier events of at most some MiB each, and base64 makes them longer. */
const MOST_BYTES = 128 * 1024 * 1024;

/** How many resources of a batch became what. */
export interface ImportCounts {
  taken: number;
  /** The broker had something of them already. */
  known: number;
  /** Their events are not in the export, or their type is not kept. */
  leftOut: number;
}

/** Everything as JSON lines, and back. */
export function exportRoutes(core: BrokerCore, clock: Clock): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/export',
      who: 'operators',
      query: ['secrets', 'history'],
      answer: (request) => ({
        rows: core.export(
          { secrets: flagOf(request, 'secrets'), history: flagOf(request, 'history') },
          clock.now(),
        ),
      }),
    },
    {
      method: 'POST',
      path: '/import',
      mostBytes: MOST_BYTES,
      answer: (change) => importRows(core, clock, change),
    },
  ];
}

/**
 * A batch: `lines` with `line`, their number for messages, and `row`; the last batch says so and how many were `taken` by all, for the audit trail.
 */
async function importRows(core: BrokerCore, clock: Clock, { body }: ChangeRequest): Promise<ChangeAnswer> {
  const { last, lines, taken } = body;
  if (!Array.isArray(lines)) throw new CeBrokerError('invalid_argument', 'lines must be a list');
  const counts: ImportCounts = { taken: 0, known: 0, leftOut: 0 };
  let began = performance.now();
  for (const entry of lines) {
    const { line, row } = entry as { readonly line?: unknown; readonly row?: unknown };
    if (performance.now() - began > 4) {
      await new Promise((resolve) => setImmediate(resolve));
      began = performance.now();
    }
    try {
      const done = core.import(row, clock.now());
      if (done === 'left-out') counts.leftOut += 1;
      else if (done !== undefined) counts[done] += 1;
    } catch (thrown) {
      const { code, message } = CeBrokerError.from(thrown, 'internal');
      throw new CeBrokerError(code, `line ${line}: ${message}`, { cause: thrown });
    }
  }
  const all = typeof taken === 'number' ? taken + counts.taken : counts.taken;
  return { json: counts, did: last === true ? { action: 'import', about: { resources: all } } : undefined };
}
