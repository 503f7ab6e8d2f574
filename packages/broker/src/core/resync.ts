import { decodeSpecResyncBody, decodeStatusResyncBody } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import type { SessionRole } from '../delivery/session-description.js';
import type { Envelope } from '../wire/envelope.js';
import { payloadOf } from '../wire/payload.js';
import type { Core } from './core.js';
import { answerKey, holdAndRun } from './held.js';
import { required } from './refuse.js';
import { relay } from './relay.js';
import { answerSpecResync } from './spec-resync.js';
import { answerStatusResync } from './status-resync.js';

/**
 * Somebody asks what it missed. The list is read now, so that a broken one is refused; the answer runs later, never inside the
 * Publish that asked: client and server would wait for each other.
 */
export function receiveResync(
  core: Core,
  event: Envelope,
  direction: 'spec-resync' | 'status-resync',
  now: number,
): void {
  if (direction === 'spec-resync') receiveSpecResync(core, event, now);
  else receiveStatusResync(core, event, now);
}

function receiveSpecResync(core: Core, event: Envelope, now: number): void {
  core.counters.specResyncs += 1;
  const cluster = required(event.cluster, 'clustername', event);
  const { dataType } = event.type;
  const named = event.originalSource ?? '';
  if (!core.options.keepState && !core.services.has(dataType)) {
    relay(core, core.sessions.of('source', named), event);
    return;
  }
  const listed = new Map<string, bigint>();
  for (const entry of decodeSpecResyncBody(payloadOf(event)))
    listed.set(entry.resourceId, entry.resourceVersion);
  const ask = { cluster, dataType, named, agent: event.source, listed, at: now };
  const asker = { role: 'agent', name: cluster, dataType, bytes: event.bytes.byteLength } as const;
  const key = `spec ${cluster}\n${dataType}\n${named}\n${event.source}`;
  const job = {
    key,
    run: (at: number, again: boolean) => {
      const done = () => {
        if (!again) timeAnswer(core, 'agent', core.sessions.agentsOf(cluster), dataType, now);
      };
      answerSpecResync(core, { ...ask, again }, { key: answerKey(key, again), done }, at);
    },
  };
  holdAndRun(core, asker, job, now);
}

function receiveStatusResync(core: Core, event: Envelope, now: number): void {
  core.counters.statusResyncs += 1;
  const cluster = event.cluster ?? '';
  const { dataType } = event.type;
  if (!core.options.keepState) {
    const clusters = cluster === '' ? [...core.sessions.clusters()] : [cluster];
    for (const name of clusters) relay(core, core.sessions.of('agent', name), event);
    return;
  }
  const hashes = new Map<string, string>();
  for (const entry of decodeStatusResyncBody(payloadOf(event)))
    hashes.set(entry.resourceId, entry.statusHash);
  const ask = { source: event.source, cluster, dataType, hashes };
  const asker = { role: 'source', name: event.source, dataType, bytes: event.bytes.byteLength } as const;
  const key = `status ${ask.source}\n${dataType}\n${cluster}`;
  const job = {
    key,
    run: (at: number, again: boolean) => {
      const done = () => {
        if (!again) timeAnswer(core, 'source', core.sessions.ofSource(ask.source), dataType, now);
      };
      answerStatusResync(core, ask, { key: answerKey(key, again), done }, at);
    },
  };
  holdAndRun(core, asker, job, now);
}

/** How long it takes until the askers have everything that was to be said to them. */
function timeAnswer(
  core: Core,
  role: SessionRole,
  askers: readonly Session[],
  dataType: string,
  since: number,
): void {
  for (const session of askers) {
    if (session.takes(dataType)) session.whenWritten(() => core.port.resynced?.(role, since));
  }
}
