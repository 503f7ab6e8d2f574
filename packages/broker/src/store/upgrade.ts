import { CeBrokerError, type Logger } from 'ce-broker-proto';
import type { Databases } from './databases.js';
import { FORMAT } from './layout.js';
import { readFormat, writeFormat } from './progress.js';

/** Brings a store from the format of its number to the next; it may take several transactions, and may be interrupted and begun again. */
type Step = (databases: Databases) => Promise<void>;

/** One step for each format that there was before this one. */
const STEPS: ReadonlyMap<number, Step> = new Map();

/**
 * A store of an earlier format is brought to this one, step by step, before anything is read. Throws `failed_precondition` for one
 * that a later version has written.
 */
export async function upgrade(
  databases: Databases,
  directory: string,
  logger: Logger,
  steps: ReadonlyMap<number, Step> = STEPS,
  target = FORMAT,
): Promise<void> {
  let format = readFormat(databases.meta);
  if (format === undefined) {
    await writeFormat(databases.meta, target);
    return;
  }
  if (format > target) {
    throw new CeBrokerError(
      'failed_precondition',
      `the store in ${directory} has format ${format}, and this version knows ${target} at most: start the version that wrote it, or a later one`,
      { field: 'dataDir' },
    );
  }
  for (; format < target; format++) {
    const step = steps.get(format);
    if (step === undefined) {
      throw new CeBrokerError(
        'failed_precondition',
        `the store in ${directory} has format ${format}, which this version cannot bring up to date`,
        { field: 'dataDir' },
      );
    }
    logger.info({ directory, from: format, to: format + 1 }, 'the store is brought up to date');
    await step(databases);
    await writeFormat(databases.meta, format + 1);
  }
}
