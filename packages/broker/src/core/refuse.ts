import { CeBrokerError } from 'ce-broker-proto';
import type { Identity } from '../access/identity.js';
import type { Envelope } from '../wire/envelope.js';
import type { Core } from './core.js';
import type { PublishCall } from './port.js';

/** The attribute's value, or a refusal that names it. */
export function required(value: string | undefined, field: string, event: Envelope): string {
  if (value !== undefined && value !== '') return value;
  const state = value === undefined ? 'is missing' : 'is empty';
  throw new CeBrokerError(
    'invalid_argument',
    `${field} ${state}: an event of type ${event.type.name} needs it`,
    { field },
  );
}

/** Answers a Publish with what went wrong; anything but our own error is a fault of the broker and is said so. */
export function refuse(
  core: Core,
  call: PublishCall,
  thrown: unknown,
  event: Envelope | undefined,
  identity: Identity,
): void {
  const error = CeBrokerError.from(thrown, 'internal');
  core.counters.count(core.counters.refused, error.code);
  core.port.note({
    kind: 'refused',
    code: error.code,
    message: error.message,
    source: event?.source ?? '',
    type: event?.type.name ?? '',
    user: identity.user,
  });
  call.fail(error.grpcCode, error.message);
}
