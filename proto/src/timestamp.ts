import { CeBrokerError } from './errors.js';

/** A point in time, exact to the nanosecond (google.protobuf.Timestamp, Go's time.Time in UTC). */
export interface Timestamp {
  /** Whole seconds since 1970-01-01T00:00:00Z; at most 8.64e12 either way, which is what a Date can hold. */
  readonly seconds: number;
  /** Nanoseconds of that second, 0 to 999,999,999, counted forward also before 1970. */
  readonly nanos: number;
}

/** The furthest second, either way, that a Timestamp can hold. */
export const MAX_TIMESTAMP_SECONDS = 8.64e12;

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * Reads RFC 3339 as Go's `time.Parse(time.RFC3339Nano, text)` does: upper-case T and Z, an offset, digits past the
 * ninth dropped. Undefined when the text is anything else.
 */
export function parseRfc3339(text: string): Timestamp | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second,
    fraction = '',
    sign,
    offsetHours = '0',
    offsetMinutes = '0',
  ] = match;
  const [y, mo, d, h, mi, s] = [
    Number(year),
    Number(month),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  ];
  if (mo < 1 || mo > 12 || d < 1 || d > daysIn(y, mo) || h > 23 || mi > 59 || s > 59) return undefined;
  const [oh, om] = [Number(offsetHours), Number(offsetMinutes)];
  if (oh > 24 || om > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(y, mo - 1, d);
  date.setUTCHours(h, mi, s);
  const offset = (oh * 60 + om) * 60 * (sign === '-' ? -1 : 1);
  return { seconds: date.getTime() / 1000 - offset, nanos: Number(fraction.slice(0, 9).padEnd(9, '0')) };
}

/** Writes RFC 3339 in UTC as Go does: a fraction only where there is one, without trailing zeros. */
export function formatRfc3339(timestamp: Timestamp): string {
  const date = new Date(timestamp.seconds * 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const year = date.getUTCFullYear();
  const years = year < 0 ? `-${String(-year).padStart(4, '0')}` : String(year).padStart(4, '0');
  const day = `${years}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const fraction =
    timestamp.nanos === 0 ? '' : `.${String(timestamp.nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${day}T${time}${fraction}Z`;
}

/** A Timestamp from milliseconds since the epoch (whole or not). */
export function timestampFromMillis(millis: number): Timestamp {
  const seconds = Math.floor(millis / 1000);
  if (!(Math.abs(seconds) <= MAX_TIMESTAMP_SECONDS)) {
    throw new CeBrokerError('invalid_argument', `time ${millis} is outside the range of a timestamp`, {
      field: 'time',
    });
  }
  return { seconds, nanos: Math.min(999_999_999, Math.max(0, Math.round((millis - seconds * 1000) * 1e6))) };
}

/** A Timestamp from a Date; an invalid Date is `invalid_argument`. */
export function timestampFromDate(date: Date): Timestamp {
  return timestampFromMillis(date.getTime());
}

/** Milliseconds since the epoch, rounded down to the whole millisecond. */
export function timestampToMillis(timestamp: Timestamp): number {
  return timestamp.seconds * 1000 + Math.floor(timestamp.nanos / 1e6);
}

/** A Date: the millisecond in which the timestamp lies. */
export function timestampToDate(timestamp: Timestamp): Date {
  return new Date(timestampToMillis(timestamp));
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
