import { randomUUID } from 'node:crypto';
import { nowMicros } from './clock.js';
import { EventTemplate } from './event-template.js';
import { Fleet } from './fleet.js';
import {
  type LoadOptions,
  type LoadReport,
  type ResolvedLoadOptions,
  resolveLoadOptions,
} from './options.js';
import type { Pace } from './publisher.js';
import { summarise, Tally } from './tally.js';
import { TickTimer, waitFor } from './timing.js';

/** After the last call was answered, deliveries are over when none came for this long. */
const QUIET_MICROS = 200_000;

/**
 * Loads a CloudEvents gRPC server and reports what it did. It stops by itself: after the measured time, after
 * `events`, on `signal`, or when the server stays silent. A server that goes away is dialled again until then, and its
 * failures are counted by status.
 *
 * @throws CeBrokerError `invalid_option` for an option that makes no sense, `unavailable` when the server cannot be
 * reached or refuses the subscriptions at the start.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const resolved = resolveLoadOptions(options);
  const tally = new Tally();
  const template = new EventTemplate({
    kind: resolved.publish,
    source: resolved.source,
    dataType: resolved.dataType,
    payloadBytes: resolved.payloadBytes,
    clusters: resolved.clusters,
    resourcePrefix: resolved.resourcePrefix ?? randomUUID().slice(0, 24),
  });
  const fan = fanOf(resolved);
  const pace: Pace = {
    running: false,
    left: resolved.events,
    interval: resolved.rate === undefined ? 0 : 1_000_000 / resolved.rate,
    due: 0,
    undelivered:
      resolved.untilDelivered && fan > 0 ? resolved.inFlight * resolved.publishers : Number.POSITIVE_INFINITY,
    fan,
  };
  const fleet = new Fleet(resolved, { template, tally, pace });
  try {
    await fleet.start();
    const { seconds: measured, from } = await drive(
      options,
      { warmUpSeconds: resolved.warmUpSeconds, seconds: resolved.seconds },
      fleet,
      tally,
      pace,
    );
    pace.running = false;
    await drain(resolved.drainTimeoutMs, fleet, tally);
    options.onWindow?.('drained');
    const handledEvents = tally.handled(fan);
    const handledSeconds = (tally.lastAt - from) / 1_000_000;
    return {
      server: resolved.server,
      seconds: measured,
      publishers: resolved.publishers,
      subscribers: resolved.subscribers,
      inFlight: resolved.inFlight,
      eventBytes: template.eventBytes,
      ackedPerSecond: measured > 0 ? tally.ackedMeasured / measured : 0,
      deliveredPerSecond: measured > 0 ? tally.deliveredMeasured / measured : 0,
      handledEvents,
      handledPerSecond: handledSeconds > 0 ? handledEvents / handledSeconds : 0,
      ackLatency: summarise(tally.ackLatency),
      deliveryLatency: summarise(tally.deliveryLatency),
      totals: {
        sent: tally.sent,
        acked: tally.acked,
        delivered: tally.delivered,
        otherMessages: tally.otherMessages,
        bytesSent: fleet.bytesSent,
        bytesReceived: fleet.bytesReceived,
        unanswered: fleet.inFlight,
        reconnects: tally.reconnects,
      },
      errors: tally.errors(),
    };
  } finally {
    pace.running = false;
    fleet.close();
  }
}

/** Subscribers that each event goes to. */
function fanOf(options: ResolvedLoadOptions): number {
  const fan = options.publish === 'spec' ? options.subscribers / options.clusters : options.subscribers;
  return fan < 1 ? 0 : fan;
}

/** Warm-up and measured time; returns how long was measured, and since when. */
async function drive(
  options: LoadOptions,
  times: { warmUpSeconds: number; seconds: number },
  fleet: Fleet,
  tally: Tally,
  pace: Pace,
): Promise<{ seconds: number; from: number }> {
  const begun = nowMicros();
  let measuredFrom = begun;
  const measureAt = begun + times.warmUpSeconds * 1_000_000;
  const endAt = measureAt + times.seconds * 1_000_000;
  let nextProgress = begun + 1_000_000;
  pace.due = begun;
  pace.running = true;
  return new Promise((resolve, reject) => {
    const finish = (now: number) => {
      timer.stop();
      if (!tally.measuring) {
        resolve({ seconds: 0, from: now });
        return;
      }
      tally.measuring = false;
      options.onWindow?.('end');
      resolve({ seconds: (now - measuredFrom) / 1_000_000, from: measuredFrom });
    };
    const tick = () => {
      const now = nowMicros();
      if (!tally.measuring && now >= measureAt) {
        tally.measure();
        measuredFrom = now;
        options.onWindow?.('start');
      }
      if (now >= nextProgress) {
        nextProgress += 1_000_000;
        const { acked, delivered, failed } = tally;
        options.onProgress?.({ seconds: Math.round((now - begun) / 1_000_000), acked, delivered, failed });
      }
      const done = pace.left <= 0 && fleet.inFlight === 0;
      if (now >= endAt || done || options.signal?.aborted === true) finish(now);
      else fleet.pump();
    };
    const timer = new TickTimer(() => {
      try {
        tick();
      } catch (error) {
        timer.stop();
        reject(error);
      }
    }, pace);
    timer.start();
  });
}

/** Waits for the answers and deliveries that are still on their way. */
async function drain(timeoutMs: number, fleet: Fleet, tally: Tally): Promise<void> {
  const from = nowMicros();
  let quietSince = from;
  let seen = tally.delivered;
  await waitFor(timeoutMs, () => {
    const now = nowMicros();
    if (tally.delivered !== seen || fleet.inFlight > 0) {
      seen = tally.delivered;
      quietSince = now;
      return false;
    }
    return !fleet.subscribed || now - quietSince >= QUIET_MICROS;
  });
}
