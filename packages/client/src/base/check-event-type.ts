import { CeBrokerError, type CloudEventsType, type SubResource } from 'ce-broker-proto';

/**
 * What is given to `publish`, which programs in JavaScript take for text. Throws `invalid_argument`.
 * @param publishes who publishes what: `a source publishes specs`
 */
export function checkEventType(
  eventType: CloudEventsType,
  subResource: SubResource,
  publishes: string,
): void {
  if (!isEventType(eventType)) {
    const given = typeof eventType === 'string' ? JSON.stringify(eventType) : '...';
    throw refused(`eventType must be a CloudEventsType: CloudEventsType.parse(${given})`);
  }
  if (eventType.subResource !== subResource) throw refused(`${publishes} only, not ${eventType}`);
}

/** By its shape: it may be of another copy of the package. */
function isEventType(given: unknown): boolean {
  return typeof given === 'object' && given !== null && 'dataType' in given && 'subResource' in given;
}

function refused(message: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', message, { field: 'eventType' });
}
