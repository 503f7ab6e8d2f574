import { CeBrokerError, INT64_MAX, parseInt64 } from 'ce-broker-proto';

/** Gives a new sequence id at each call, later than all before. */
export type SequenceIds = () => string;

/** What a {@link snowflakeSequence} is made of. */
export interface SnowflakeOptions {
  /** Tells apart who counts: 0 to 1,023. Ids of two nodes cannot be compared. Default 1, as every Go agent has. */
  readonly node?: number | undefined;
  /** Every id is later than this one: the last that was written before a restart, where the clock may have been set back. Default: none. */
  readonly after?: string | undefined;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** The layout of `github.com/bwmarrin/snowflake`: milliseconds since its epoch, 10 bits of node, 12 bits that count within the millisecond. */
const EPOCH_MS = 1_288_834_974_657;
const NODE_BITS = 10n;
const STEP_BITS = 12n;
const MAX_NODE = 2 ** Number(NODE_BITS) - 1;
const MAX_STEP = 2 ** Number(STEP_BITS) - 1;

interface SnowflakeParts {
  readonly ms: number;
  readonly node: number;
  readonly step: number;
}

/**
 * Sequence ids as Go's agents write them (`sequenceid`: a snowflake id in decimal). They never go back when the clock does, and
 * run ahead of it rather than wait when a millisecond is used up. One for each agent: its statuses are put in order by it.
 */
export function snowflakeSequence({ node = 1, after, now = Date.now }: SnowflakeOptions = {}): SequenceIds {
  if (!Number.isInteger(node) || node < 0 || node > MAX_NODE) {
    throw new CeBrokerError(
      'invalid_option',
      `node is ${node}; it must be a whole number from 0 to ${MAX_NODE}`,
      {
        field: 'node',
      },
    );
  }
  let { ms: last, step } = after === undefined ? { ms: 0, step: MAX_STEP } : partsOf(after, 'after');
  return () => {
    const ms = Math.trunc(now()) - EPOCH_MS;
    if (ms > last) {
      last = ms;
      step = 0;
    } else if (step < MAX_STEP) step++;
    else {
      last++;
      step = 0;
    }
    const id = (((BigInt(last) << NODE_BITS) | BigInt(node)) << STEP_BITS) | BigInt(step);
    return String(id);
  };
}

/**
 * Whether `current` is later than `last`; everything is later than an empty `last` (Go: `utils.CompareSnowflakeSequenceIDs`). Throws
 * `invalid_argument` for what is no id, and for ids of two nodes.
 */
export function compareSequenceIds(last: string, current: string): boolean {
  if (last === '' && current !== '') return true;
  const [before, after] = [partsOf(last, 'last'), partsOf(current, 'current')];
  if (before.node !== after.node) {
    throw new CeBrokerError(
      'invalid_argument',
      `the sequence ids ${last} and ${current} are of the nodes ${before.node} and ${after.node}: only those of one node can be compared`,
      { field: 'ce-sequenceid' },
    );
  }
  return after.ms === before.ms ? after.step > before.step : after.ms > before.ms;
}

function partsOf(text: string, name: string): SnowflakeParts {
  const id = parseInt64(text);
  if (id === undefined || id < 0n || id > INT64_MAX) {
    throw new CeBrokerError(
      'invalid_argument',
      `${name}: ${JSON.stringify(text.slice(0, 100))} is no sequence id; it must be a whole number of 63 bits`,
      { field: 'ce-sequenceid' },
    );
  }
  return {
    ms: Number(id >> (NODE_BITS + STEP_BITS)),
    node: Number((id >> STEP_BITS) & BigInt(MAX_NODE)),
    step: Number(id & BigInt(MAX_STEP)),
  };
}
