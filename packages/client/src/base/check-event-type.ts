import { CeBrokerError, type CloudEventsType } from 'ce-broker-proto';

/** What is given to `publish`, which programs in JavaScript take for text. Throws `invalid_argument`. */
export function checkEventType(given: CloudEventsType): void {
  // By its shape: it may be of another copy of the package.
  if (typeof given === 'object' && given !== null && 'dataType' in given && 'subResource' in given) return;
  const text = typeof given === 'string' ? JSON.stringify(given) : '...';
  throw new CeBrokerError(
    'invalid_argument',
    `eventType must be a CloudEventsType: CloudEventsType.parse(${text})`,
    { field: 'eventType' },
  );
}
