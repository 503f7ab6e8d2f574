import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { decodeEvent, isHeartbeat } from 'ce-broker-proto';
import { brokerCommand } from '../broker-process.js';
import { closeAll, GrpcConnection } from '../grpc-connection.js';
import { drive, inBatches, MIB, Samples } from '../measure.js';
import { specEvent, tellsOf, WIDGETS } from '../model-events.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const OTHERS = 199;
const PER_SECOND = 2_000;
const FROZEN_CLUSTER = 'frozen';
/** One event of so many goes to the frozen one, and is larger, so that its buffers fill. */
const FROZEN_SHARE = 10;
const MEMORY_MIB = 32;
const DRAIN_TIMEOUT_MS = 3_000;
const PUBLISHERS = 4;
const MAX_IN_FLIGHT = 128;

/** One of 200 subscribers is stopped with SIGSTOP under 2,000 events/s: it costs itself, and nobody else. */
export const frozenSubscriber: Scenario = {
  number: 4,
  name: 'frozen',
  async play(run) {
    const broker = await run.broker({
      args: ['--drain-timeout', `${DRAIN_TIMEOUT_MS}ms`],
      collectable: true,
    });
    const waiting = Array.from({ length: OTHERS }, (): Map<number, number> => new Map());
    let latency = new Samples();
    let skipped = 0;
    await inBatches(OTHERS, 20, async (index) => {
      await subscribe(run, broker.grpc, `cluster-${index}`, (version) => {
        const now = performance.now();
        for (const [sent, at] of waiting[index] ?? []) {
          // A subscriber that lags for a moment is handed the newest of a resource only.
          if (sent > version) break;
          waiting[index]?.delete(sent);
          if (sent === version) latency.add(now - at);
          else skipped += 1;
        }
      });
    });
    const frozen = startVictim(run, broker.grpc);
    await until('all are subscribed', 20_000, async () => (await broker.sessions()) === OTHERS + 1);

    const publishers = await Promise.all(
      Array.from({ length: PUBLISHERS }, () => GrpcConnection.open(broker.grpc)),
    );
    run.after(() => closeAll(publishers));
    let version = 0;
    let unanswered = 0;
    let heldBack = 0;
    const publish = () => {
      // A machine that cannot keep up with the rate measures the frozen one's effect, not its own backlog.
      if (unanswered >= MAX_IN_FLIGHT) {
        heldBack += 1;
        return;
      }
      version += 1;
      const toFrozen = version % FROZEN_SHARE === 0;
      const index = version % OTHERS;
      const cluster = toFrozen ? FROZEN_CLUSTER : `cluster-${index}`;
      if (!toFrozen) waiting[index]?.set(version, performance.now());
      const event = specEvent({
        source: 'source',
        dataType: WIDGETS,
        action: 'update_request',
        cluster,
        // The frozen one's resources are few: what it has not seen is keys, not payloads.
        id: toFrozen ? `r${version % 400}` : `r${index}`,
        version,
        life: 1,
        deleting: false,
        bytes: toFrozen ? 8_192 : 1_024,
      });
      unanswered += 1;
      publishers[version % PUBLISHERS]?.publish(event).then((answer) => {
        unanswered -= 1;
        run.history.add(answer.code === 0 ? 'acked' : 'refused', 'source', {
          cluster,
          version,
          code: answer.code,
        });
      });
    };

    await drive(PER_SECOND, 3_000, publish);
    const p99Before = latency.percentile(99);
    run.figure('p99BeforeMs', p99Before);
    const before = await broker.rssCollected();

    frozen.kill('SIGSTOP');
    run.history.add('fault', FROZEN_CLUSTER, { note: 'SIGSTOP' });
    latency = new Samples();
    let most = before;
    let blockedAt: number | undefined;
    let endedAt: number | undefined;
    const look = async () => {
      most = Math.max(most, broker.rss());
      const { sessions, counters } = await broker.status();
      if (sessions.blocked > 0) blockedAt ??= performance.now();
      if ((counters.evictions['frozen'] ?? 0) > 0) endedAt ??= performance.now();
    };
    // A broker that is gone is noticed below.
    const watch = setInterval(() => look().catch(() => {}), 250);
    run.after(() => clearInterval(watch));
    await drive(PER_SECOND, run.size(10_000, 60_000), publish);
    await until('every Publish is answered', 10_000, () => unanswered === 0);
    await until('the others have got everything', 10_000, () => waiting.every(({ size }) => size === 0));
    await until('the frozen one was ended', 20_000, () => endedAt !== undefined);
    clearInterval(watch);

    // Twice the drain timeout would mean that it had been given a second chance.
    if (blockedAt !== undefined && endedAt !== undefined)
      run.atMost('endedAfterBlockedMs', endedAt - blockedAt, DRAIN_TIMEOUT_MS + 2_000);
    run.figure('p50OthersMs', latency.percentile(50));
    run.figure('p99OthersBarMs', 50);
    // Few noisy cores carry the load generator too: ten times the bar is a failure, unless it was as bad before.
    run.promptly('p99OthersMs', latency.percentile(99), Math.max(500, 3 * p99Before));
    run.figure('delivered', latency.count);
    run.figure('skippedForNewer', skipped);
    run.figure('heldBack', heldBack);
    const after = await broker.rssCollected(before + MEMORY_MIB * MIB);
    run.atMost('memoryGrowthMiB', (after - before) / MIB, MEMORY_MIB);
    run.figure('memoryPeakGrowthMiB', (most - before) / MIB);
    const refused = run.history.read().filter((line) => line.k === 'refused');
    if (refused.length > 0)
      run.fault(`${refused.length} Publishes were refused, the first with ${refused[0]?.code}`);

    frozen.kill('SIGCONT');
    const [code] = await once(frozen, 'exit');
    run.figure('frozenExitCode', Number(code));
    if (code === 0) run.fault('the frozen subscriber ended as if nothing had been wrong');
  },
};

function startVictim(run: Run, server: string) {
  const child = spawn(
    process.execPath,
    [brokerCommand(), 'sub', '--server', server, '--cluster', FROZEN_CLUSTER, '--type', WIDGETS],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  run.after(() => {
    child.kill('SIGKILL');
  });
  return child;
}

async function subscribe(
  run: Run,
  server: string,
  cluster: string,
  got: (version: number) => void,
): Promise<void> {
  const connection = await GrpcConnection.open(server);
  run.after(() => connection.close());
  connection.subscribe(
    { source: '', clusterName: cluster, dataType: WIDGETS },
    {
      message: (bytes) => {
        if (!isHeartbeat(bytes)) got(tellsOf(decodeEvent(bytes)).version);
      },
    },
  );
}
