import { register as defaultRegister, type Registry } from 'prom-client';
import { DiagnosticsChannel, type EventMessage, type ReconnectedMessage } from '../base/diagnostics.js';
import { FollowingCounter, refuseTwice, removeAll, resetAll } from './followers.js';

const RECEIVED = 'cloudevents_received_total';
const SENT = 'cloudevents_sent_total';
const RECONNECTED = 'cloudevents_client_reconnected_total';
const NAMES = [RECEIVED, SENT, RECONNECTED];

/** `original_source` of an event that an agent sends to all sources (Go: `metrics.NoneOriginalSource`). */
const NONE = 'none';

/**
 * Counts the events of the clients of this process, as v1.3 does: `cloudevents_received_total` and `cloudevents_sent_total` with `source`,
 * `type`, `subresource` and `action`, and of a source's client `consumer` (the cluster), of a sending agent's `original_source`; and
 * `cloudevents_client_reconnected_total` with `client_id`. Where Go has metrics of one name with different labels, so that a
 * process registers one of them, these have the labels that apply. Throws `already_exists` when they are in that registry.
 *
 * @param register default: the default registry of `prom-client`
 */
export function registerClientMetrics(register: Registry = defaultRegister): void {
  refuseTwice(register, NAMES, 'unregisterClientMetrics');
  new FollowingCounter<keyof ReturnType<typeof labelsOf> | 'consumer', EventMessage>(
    register,
    DiagnosticsChannel.received,
    {
      name: RECEIVED,
      help: 'The total number of CloudEvents received by the clients.',
      labelNames: ['source', 'consumer', 'type', 'subresource', 'action'],
    },
    (counter, message) => counter.inc({ ...labelsOf(message), ...consumerOf(message) }),
  );
  new FollowingCounter<keyof ReturnType<typeof labelsOf> | 'consumer' | 'original_source', EventMessage>(
    register,
    DiagnosticsChannel.sent,
    {
      name: SENT,
      help: 'The total number of CloudEvents sent by the clients.',
      labelNames: ['source', 'consumer', 'original_source', 'type', 'subresource', 'action'],
    },
    (counter, message) =>
      counter.inc({ ...labelsOf(message), ...consumerOf(message), ...originalSourceOf(message) }),
  );
  new FollowingCounter<'client_id', ReconnectedMessage>(
    register,
    DiagnosticsChannel.reconnected,
    {
      name: RECONNECTED,
      help: 'The total number of reconnects of the clients.',
      labelNames: ['client_id'],
    },
    (counter, { clientId }) => counter.inc({ client_id: clientId }),
  );
}

/** Removes all three. Not registered: nothing happens. */
export function unregisterClientMetrics(register: Registry = defaultRegister): void {
  removeAll(register, NAMES);
}

/** Starts all three at 0 again. */
export function resetClientMetrics(register: Registry = defaultRegister): void {
  resetAll(register, NAMES);
}

function labelsOf({ source, dataType, subResource, action }: EventMessage) {
  return { source, type: dataType, subresource: subResource, action };
}

function consumerOf({ role, cluster }: EventMessage): { readonly consumer?: string } {
  return role === 'source' ? { consumer: cluster } : {};
}

function originalSourceOf({ role, originalSource }: EventMessage): { readonly original_source?: string } {
  return role === 'agent' ? { original_source: originalSource ?? NONE } : {};
}
