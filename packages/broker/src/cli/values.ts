import { CeBrokerError } from 'ce-broker-proto';

/** The error for a value that does not fit; `name` is the option, variable or key as the user wrote it. */
export function wrongValue(name: string, value: unknown, must: string): CeBrokerError {
  return new CeBrokerError('invalid_option', `${name} is ${JSON.stringify(value)}: it must be ${must}`, {
    field: name,
  });
}

const UNIT_MS: Readonly<Record<string, number>> = Object.freeze({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 });
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;

/** A duration as Go writes it (`10s`, `1m30s`, `500ms`), in milliseconds. */
export function readDuration(name: string, value: unknown): number {
  const must = 'a duration with its unit, for example 10s, 1m30s or 500ms';
  if (typeof value !== 'string' || !DURATION.test(value.trim())) throw wrongValue(name, value, must);
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return Math.round(total);
}

const UNIT_BYTES: Readonly<Record<string, number>> = Object.freeze({
  '': 1,
  KiB: 1024,
  MiB: 1024 * 1024,
  GiB: 1024 * 1024 * 1024,
});

/** A size: bytes, or with one of the units KiB, MiB and GiB. */
export function readBytes(name: string, value: unknown): number {
  const match = /^(\d+)(KiB|MiB|GiB|)$/.exec(String(value).trim());
  const unit = match === null ? undefined : UNIT_BYTES[match[2] ?? ''];
  if (match === null || unit === undefined) {
    throw wrongValue(name, value, 'a number of bytes, for example 4194304 or 4MiB');
  }
  return Number(match[1]) * unit;
}

/** A duration as {@link readDuration} takes it, in the largest unit that fits. */
export function showDuration(ms: number): string {
  return inUnits(ms, UNIT_MS);
}

/** A size as {@link readBytes} takes it, in the largest unit that fits. */
export function showBytes(bytes: number): string {
  return inUnits(bytes, UNIT_BYTES);
}

function inUnits(number: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).findLast(([, size]) => number >= size && number % size === 0);
  return fitting === undefined ? String(number) : `${number / fitting[1]}${fitting[0]}`;
}

export function readText(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw wrongValue(name, value, 'text that is not empty');
  return value;
}

export function readBoolean(name: string, value: unknown): boolean {
  if (value === true || value === 'true' || value === '1') return true;
  if (value === false || value === 'false' || value === '0') return false;
  throw wrongValue(name, value, 'true or false');
}

/** One of a few words. */
export function readChoice<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw wrongValue(name, value, choices.join(' or '));
  return found;
}

/** A whole number between two bounds. */
export function readCount(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw wrongValue(name, value, `a whole number from ${least} to ${most}`);
  }
  return number;
}

/** A number between two bounds, with or without a fraction. */
export function readNumber(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (value.trim() === '' || !(number >= least && number <= most)) {
    throw wrongValue(name, value, `a number from ${least} to ${most}`);
  }
  return number;
}

/** `HOST:PORT`, checked only as far as the eye can see; the listener says the rest. */
export function readAddress(name: string, value: unknown): string {
  const match =
    typeof value === 'string' ? /^(?:\[[0-9a-fA-F:.]+\]|[^:[\]\s/]*):(\d{1,5})$/.exec(value.trim()) : null;
  if (typeof value !== 'string' || match === null || Number(match[1]) > 65_535) {
    throw wrongValue(
      name,
      value,
      'HOST:PORT, for example 127.0.0.1:8090 or [::1]:8090 (port 0: any free one)',
    );
  }
  return value.trim();
}
