import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CeBrokerError,
  type CloudEventTransport,
  type Event,
  encodeEvent,
  readClusterName,
  readResourceId,
} from 'ce-broker-proto';
import { eventFromLine } from '../events/parse-line.js';
import { ExitCode, exitCodeOf } from '../exit-codes.js';
import { describeError } from '../report-error.js';
import type { PubFlags } from './flags.js';
import { Progress } from './progress.js';

/** Calls under way at a time; those about one resource wait for each other, so that their order stays. */
const IN_FLIGHT = 32;
/** How long the server may take for its answer. */
export const ANSWER_TIMEOUT_MS = 15_000;

/**
 * Publishes the events of stdin. One that is wrong or refused is told with the number of its line, and the next are tried;
 * a server that cannot be reached, or that does not know us, ends it.
 */
export async function publishLines(
  transport: CloudEventTransport,
  flags: PubFlags,
  perSecond: number | undefined,
): Promise<number> {
  const progress = new Progress(process.stderr.isTTY === true);
  const pace = new Pace(perSecond);
  const input = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const underWay = new Map<string, Promise<void>>();
  let fatal: CeBrokerError | undefined;
  const failed = (line: number, thrown: unknown) => {
    const error = CeBrokerError.from(thrown);
    progress.refused++;
    // PERMISSION_DENIED may be about this event alone.
    const hopeless = exitCodeOf(error) === ExitCode.unreachable || error.code === 'unauthenticated';
    if (hopeless) {
      fatal ??= error;
      // Whoever writes into stdin may have nothing to say for long.
      input.close();
    } else progress.tell(`ce-broker: line ${line}: ${describeError(error)}`);
  };
  const defaults = {
    ...flags,
    subResource: flags.status === true ? ('status' as const) : ('spec' as const),
  };
  let line = 0;
  for await (const text of input) {
    line++;
    if (text.trim() === '') continue;
    const at = line;
    try {
      const event = eventFromLine(text, defaults);
      const bytes = encodeEvent(event);
      const key = keyOf(event);
      await pace.turn();
      while (underWay.has(key)) await underWay.get(key);
      while (underWay.size >= IN_FLIGHT) await Promise.race(underWay.values());
      if (fatal !== undefined) break;
      const call = transport
        .publish(bytes, { timeoutMs: ANSWER_TIMEOUT_MS })
        .then(
          () => progress.published(),
          (error: unknown) => failed(at, error),
        )
        .finally(() => underWay.delete(key));
      underWay.set(key, call);
    } catch (error) {
      progress.refused++;
      progress.tell(`ce-broker: line ${at}: ${CeBrokerError.from(error).message}`);
    }
  }
  await Promise.all(underWay.values());
  progress.end();
  if (fatal !== undefined) throw fatal;
  return progress.refused > 0 ? ExitCode.failed : ExitCode.ok;
}

/** What must stay in order: the events of one resource, spec and status apart. */
function keyOf(event: Event): string {
  const type = event.type.slice(0, event.type.lastIndexOf('.'));
  return JSON.stringify([type, readClusterName(event) ?? '', readResourceId(event) ?? event.id]);
}

/** Hands out turns evenly; time that was lost is not caught up in a burst. */
class Pace {
  private readonly intervalMs: number;
  private due = 0;

  constructor(perSecond: number | undefined) {
    this.intervalMs = perSecond === undefined ? 0 : 1_000 / perSecond;
  }

  async turn(): Promise<void> {
    if (this.intervalMs === 0) return;
    const now = performance.now();
    const wait = this.due - now;
    this.due = Math.max(this.due, now) + this.intervalMs;
    if (wait > 0) await sleep(wait);
  }
}
