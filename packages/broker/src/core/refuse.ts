import { CeBrokerError } from 'ce-broker-proto';
import type { Identity } from '../access/identity.js';
import type { Resource } from '../state/resource.js';
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
  now: number,
): void {
  const error = CeBrokerError.from(thrown, 'internal');
  core.counters.count(core.counters.refused, error.code);
  core.trace.refused(error.code, error.message, event, identity.user, now);
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

/**
 * It was acknowledged and changes nothing: who asks why finds it in the trace. Answers to a resync are left out, they repeat much that is
 * known.
 */
export function noteStale(core: Core, resource: Resource, event: Envelope, user: string, now: number): void {
  if (event.type.action !== 'resync_response')
    core.trace.refused('stale', whyStale(resource, event), event, user, now);
}

function whyStale({ grave, newestVersion, spec, status }: Resource, event: Envelope): string {
  if (event.type.subResource === 'status')
    return `sequence id ${event.sequenceId} is before ${status?.sequenceId ?? grave?.sequenceId}, which was reported already`;
  const what = event.deleting ? `the deletion of version ${event.version}` : `version ${event.version}`;
  if (spec?.deleting === true) return `${what} is of a resource that was deleted, at version ${spec.version}`;
  if (spec === undefined) return `${what} is of a resource that was deleted, at version ${grave?.version}`;
  return `${what} is not newer than version ${newestVersion}, or of an earlier life of the resource`;
}
