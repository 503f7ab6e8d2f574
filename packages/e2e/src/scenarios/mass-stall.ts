import { isHeartbeat } from 'ce-broker-proto';
import { GrpcConnection } from '../grpc-connection.js';
import { inBatches, MIB } from '../measure.js';
import { specEvent, WIDGETS } from '../model-events.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

/** Relayed and never kept: what cannot be told by a key waits in lanes, the part of memory that needs a cap. */
const NOTES = 'io.ce-broker.faults.v1.notes';
const STALLED = 200;
const LANE_BYTES = 4 * MIB;
const TOTAL_LANE_BYTES = 32 * MIB;
const STREAM_BUFFER_BYTES = 256 * 1024;
const EVENT_BYTES = 32_768;

/** 200 subscribers that never read, and events for all of them: the cap of all buffers together holds, and a live one gets its events. */
export const massStall: Scenario = {
  number: 5,
  name: 'stall',
  async play(run) {
    const broker = await run.broker({
      options: {
        laneBytes: LANE_BYTES,
        totalLaneBytes: TOTAL_LANE_BYTES,
        streamBufferBytes: STREAM_BUFFER_BYTES,
        // They stay for the whole scenario: the cap has to hold, not the eviction.
        drainTimeoutMs: 120_000,
        dataTypes: { [NOTES]: { keep: 'none' } },
      },
      collectable: true,
    });
    await inBatches(STALLED, 20, (index) => stall(run, broker.grpc, `cluster-${index}`));
    let alive = 0;
    const live = await GrpcConnection.open(broker.grpc);
    run.after(() => live.close());
    live.subscribe(
      { source: '', clusterName: 'live', dataType: NOTES },
      {
        message: (bytes) => {
          if (isHeartbeat(bytes)) return;
          alive += 1;
          run.history.add('got', 'live');
        },
      },
    );
    await until('all are subscribed', 20_000, async () => (await broker.sessions()) === STALLED + 1);
    const before = await broker.rssCollected();
    const publisher = await GrpcConnection.open(broker.grpc);
    run.after(() => publisher.close());
    const rounds = run.size(32, 200);
    let most = before;
    let lanes = 0;
    let buffered = 0;
    let middle = 0;
    let version = 0;
    const send = async (dataType: string, cluster: string) => {
      version += 1;
      const fields = {
        source: 'source',
        dataType,
        action: 'update_request',
        cluster,
        life: 1,
        deleting: false,
      };
      const event = specEvent({ ...fields, id: `r${version % 2_000}`, version, bytes: EVENT_BYTES });
      const answer = await publisher.publish(event);
      if (answer.code !== 0)
        run.fault(`a Publish for ${cluster} was refused: ${answer.code} ${answer.message}`);
    };
    for (let round = 0; round < rounds; round += 1) {
      await inBatches(STALLED, 50, (index) => send(NOTES, `cluster-${index}`));
      await send(NOTES, 'live');
      const { sessions, connections } = await broker.status();
      lanes = Math.max(lanes, sessions.laneBytes);
      buffered = Math.max(buffered, connections.bufferedBytes);
      most = Math.max(most, broker.rss());
      if (round === rounds / 2) middle = await broker.rssCollected();
    }
    await until('the live one has got everything', 10_000, () => alive === rounds);
    run.figure('offeredMiB', (rounds * STALLED * EVENT_BYTES) / MIB);
    run.figure('evicted', (await broker.status()).counters.evictions['all-lanes-full'] ?? 0);
    run.atMost('lanesMiB', lanes / MIB, TOTAL_LANE_BYTES / MIB);
    // What was being written when a stream's buffer filled up is over its bound.
    const outputs = (STALLED * (STREAM_BUFFER_BYTES + 2 * EVENT_BYTES)) / MIB;
    run.atMost('outputsMiB', buffered / MIB, outputs);
    // The allocator keeps what it has cut into pieces: resident memory is more than what is held, but no longer grows.
    run.atMost('memoryPeakGrowthMiB', (most - before) / MIB, 256);
    run.atMost('memoryGrowthSecondHalfMiB', ((await broker.rssCollected()) - middle) / MIB, 64);
    await stallOnState(run, broker.grpc, send);
  },
};

/** The same with events that have state: what waits is keys, so nobody is ended and nothing grows with the number of events. */
async function stallOnState(
  run: Run,
  server: string,
  send: (dataType: string, cluster: string) => Promise<void>,
): Promise<void> {
  const broker = run.brokers[0];
  if (broker === undefined) return;
  await inBatches(20, 20, () => stall(run, server, 'kept', WIDGETS));
  // Every resource a few times, then again and again: only the first rounds may cost memory.
  await inBatches(6_000, 50, () => send(WIDGETS, 'kept'));
  const sessions = await broker.sessions();
  const before = await broker.rssCollected();
  await inBatches(run.size(8_000, 40_000), 50, () => send(WIDGETS, 'kept'));
  run.atMost('memoryGrowthOfStateMiB', ((await broker.rssCollected()) - before) / MIB, 64);
  if ((await broker.sessions()) !== sessions) run.fault('a stalled subscriber of kept events was ended');
}

async function stall(run: Run, server: string, cluster: string, dataType = NOTES): Promise<void> {
  const connection = await GrpcConnection.open(server, { windowBytes: 65_535 });
  run.after(() => connection.close());
  await new Promise<void>((resolve, reject) => {
    const stream = connection.subscribe(
      { source: '', clusterName: cluster, dataType },
      {
        opened: () => {
          stream.stopReading();
          resolve();
        },
        ended: (answer) => {
          run.history.add('ended', cluster, { code: answer.code, note: answer.message });
          reject(new Error(`${cluster} could not subscribe: ${answer.message}`));
        },
      },
    );
  });
}
