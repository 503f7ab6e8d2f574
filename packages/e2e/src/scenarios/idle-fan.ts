import { isHeartbeat } from 'ce-broker-proto';
import { closeAll, GrpcConnection } from '../grpc-connection.js';
import { inBatches } from '../measure.js';
import { WIDGETS } from '../model-events.js';
import type { Scenario } from '../run.js';
import { pause } from '../until.js';

const KIB = 1024;

/** 5,000 idle subscriptions, each on a connection of its own, with the default heartbeats. */
export const idleFan: Scenario = {
  number: 6,
  name: 'idle',
  async play(run) {
    const broker = await run.broker({ collectable: true });
    const count = 5_000;
    const before = await broker.rssCollected();
    const last = new Float64Array(count);
    let gap = 0;
    let beats = 0;
    let ended = 0;
    const connections: GrpcConnection[] = [];
    run.after(() => closeAll(connections));
    await inBatches(count, 50, async (index) => {
      const connection = await GrpcConnection.open(broker.grpc, { windowBytes: 65_535 });
      connections.push(connection);
      await new Promise<void>((resolve) => {
        connection.subscribe(
          { source: '', clusterName: `cluster-${index}`, dataType: WIDGETS },
          {
            opened: () => {
              last[index] = performance.now();
              resolve();
            },
            message: (bytes) => {
              if (!isHeartbeat(bytes)) return;
              const now = performance.now();
              gap = Math.max(gap, now - (last[index] ?? now));
              last[index] = now;
              beats += 1;
            },
            ended: (answer) => {
              ended += 1;
              run.history.add('ended', `cluster-${index}`, { code: answer.code, note: answer.message });
              resolve();
            },
          },
        );
      });
    });
    if ((await broker.sessions()) !== count) run.fault(`only ${await broker.sessions()} are subscribed`);
    // Heartbeats are a matter of time: two and a half intervals, or ten minutes.
    await pause(run.size(25_000, 600_000));
    const now = performance.now();
    for (const at of last) gap = Math.max(gap, now - at);
    run.atMost('heartbeatGapMs', gap, 15_000);
    run.figure('heartbeats', beats);
    run.atMost('memoryEachKiB', ((await broker.rssCollected()) - before) / count / KIB, 120);
    if (ended > 0) run.fault(`${ended} subscriptions ended`);
  },
};
