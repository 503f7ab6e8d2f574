import { CeBrokerError } from 'ce-broker-proto';
import type { MassDeletion } from '../core/index.js';
import type { BrokerOptions } from './options.js';

const DEFAULTS: MassDeletion = Object.freeze({ share: 0.2, withinMs: 600_000, least: 10 });
const WEEK_MS = 7 * 24 * 3_600_000;

/** The guard against mass deletion, complete. Throws CeBrokerError `invalid_option`. */
export function massDeletionOption(
  option: BrokerOptions['massDeletion'],
  store: BrokerOptions['store'],
): MassDeletion | false {
  if (option === undefined || option === false) return false;
  if (typeof option !== 'object' || option === null || Array.isArray(option))
    throw invalid('massDeletion', 'massDeletion must be an object, or false');
  for (const name of Object.keys(option)) {
    if (!Object.hasOwn(DEFAULTS, name))
      throw invalid(
        'massDeletion',
        `massDeletion has no ${name}; it has ${Object.keys(DEFAULTS).join(', ')}`,
      );
  }
  const { share = DEFAULTS.share, withinMs = DEFAULTS.withinMs, least = DEFAULTS.least } = option;
  if (typeof share !== 'number' || !(share > 0 && share < 1))
    throw invalid(
      'massDeletion.share',
      `massDeletion.share is ${share}: it must be above 0 and below 1, such as 0.2`,
    );
  requireWhole('withinMs', withinMs, 1_000, WEEK_MS, ' milliseconds');
  requireWhole('least', least, 1, 1_000_000_000, '');
  if (store === 'none') {
    throw invalid(
      'massDeletion',
      'massDeletion needs a store: with store "none" nothing is kept, and so no deletion can wait',
    );
  }
  return Object.freeze({ share, withinMs, least });
}

function requireWhole(name: string, value: unknown, least: number, most: number, unit: string): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return;
  const option = `massDeletion.${name}`;
  throw invalid(option, `${option} is ${value}: it must be a whole number from ${least} to ${most}${unit}`);
}

function invalid(field: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_option', message, { field });
}
