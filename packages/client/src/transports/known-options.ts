import { CeBrokerError } from 'ce-broker-proto';
import { nearest } from './nearest.js';

/** The names of all options of one interface; the compiler sees to it that none is missing. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses options that there are not: a misspelled one would be ignored, and `cafile` would mean plain text. Throws `invalid_option`
 * that names the first and the one that was probably meant. An absent value counts as not given.
 * @param within the option that holds them: empty at the top
 */
export function checkOptionNames(given: unknown, names: Readonly<Record<string, true>>, within = ''): void {
  const known = Object.keys(names);
  if (given === undefined && within !== '') return;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const field = within || 'options';
    throw refused(field, `${field} must be an object of ${known.join(', ')}`);
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || known.includes(name)) continue;
    const field = within === '' ? name : `${within}.${name}`;
    const meant = nearest(name, known);
    const hint = meant === undefined ? `there are ${known.join(', ')}` : `is ${meant} meant?`;
    throw refused(field, `${field} is no option: ${hint}`);
  }
}

function refused(field: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_option', message, { field });
}
