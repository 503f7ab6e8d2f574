import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AMPLIFIED_CLUSTER, AMPLIFIED_SOURCE, AMPLIFIERS, type Told } from '../amplifiers.js';
import { GrpcConnection } from '../grpc-connection.js';
import { inBatches, MIB } from '../measure.js';
import { specEvent, WIDGETS } from '../model-events.js';
import { HonestPair } from '../raw-http2/honest-pair.js';
import type { Run, Scenario } from '../run.js';
import { pause, until } from '../until.js';

const runFile = promisify(execFile);
const AMPLIFIER = fileURLToPath(new URL('../../dist/amplifier-main.js', import.meta.url));

const RESOURCES = 2_000;
const RESOURCE_BYTES = 1_000;
const HONEST_PER_SECOND = 200;
const NOTICEABLE_MS = 50;
/** What others may at most notice, whoever asks for what. */
const HELD_UP_MS = 5_000;
const MEMORY_MIB = 64;
/** A source is asked for one list of a cluster in so long, whoever asks. */
const SHARE_MS = 10_000;

/** Clients that ask for far more than they need, beside a source and an agent that must not notice. */
export const amplifiers: Scenario = {
  number: 23,
  name: 'amplifiers',
  async play(run) {
    const broker = await run.broker({ collectable: true });
    await fill(run, broker.grpc);
    const lists = { count: 0 };
    await answerLists(run, broker.grpc, lists);
    const pair = await HonestPair.start(broker.grpc, HONEST_PER_SECOND);
    const seconds = run.size(4, 30);
    await pause(1_000);
    pair.take();
    await pause(run.size(4, 20) * 1_000);
    const normal = pair.take();
    run.figure('normalP99Ms', normal.p99Ms);
    const before = await broker.rssCollected();

    let worst = 0;
    for (const { name } of AMPLIFIERS) {
      pair.take();
      lists.count = 0;
      const { stdout } = await runFile(process.execPath, [AMPLIFIER, broker.grpc, name, String(seconds)]);
      const told: Told = JSON.parse(stdout);
      const seen = pair.take();
      run.history.add('fault', name, { note: JSON.stringify({ ...told, ...seen, lists: lists.count }) });
      run.figure(
        name,
        `${told.asked} asked, ${JSON.stringify(told.codes)}, ${Math.round(told.bytes / MIB)} MiB sent, p99 ${seen.p99Ms.toFixed(1)} ms`,
      );
      // Two: one may have been due when it began.
      const most = 2 + Math.ceil((seconds * 1000) / SHARE_MS);
      if (lists.count > most)
        run.fault(`${name}: the source was asked for ${lists.count} lists, more than ${most}`);
      if (seen.acknowledged < (HONEST_PER_SECOND * seconds) / 2)
        run.fault(`${name}: the honest source had ${seen.acknowledged} answers in ${seconds} s`);
      worst = Math.max(worst, seen.p99Ms);
    }
    run.figure('wishedP99Ms', Math.max(2 * normal.p99Ms, NOTICEABLE_MS));
    run.promptly('worstP99Ms', worst, HELD_UP_MS);
    run.fault(...(await pair.stop()));
    await until('the amplifiers are gone', 20_000, async () => (await broker.sessions()) === 1);
    const after = await broker.rssCollected(before + MEMORY_MIB * MIB);
    run.atMost('memoryGrowthMiB', (after - before) / MIB, MEMORY_MIB);
    if (broker.ended !== undefined) run.fault(`the broker ended with ${broker.ended}`);
  },
};

/** What the amplifiers ask for. */
async function fill(run: Run, server: string): Promise<void> {
  const connection = await GrpcConnection.open(server);
  await inBatches(RESOURCES, 64, async (index) => {
    const { code, message } = await connection.publish(
      specEvent({
        source: AMPLIFIED_SOURCE,
        dataType: WIDGETS,
        action: 'create_request',
        cluster: AMPLIFIED_CLUSTER,
        id: `work-${index}`,
        version: 1,
        life: 1,
        deleting: false,
        bytes: RESOURCE_BYTES,
      }),
    );
    if (code !== 0) run.fault(`a publish was answered with ${code} ${message}`);
  });
  connection.close();
}

/** The source of those resources, which is asked for lists. */
async function answerLists(run: Run, server: string, lists: { count: number }): Promise<void> {
  const connection = await GrpcConnection.open(server);
  run.after(() => connection.close());
  await new Promise<void>((resolve) => {
    connection.subscribe(
      { source: AMPLIFIED_SOURCE, clusterName: '', dataType: WIDGETS },
      {
        opened: resolve,
        message: (bytes) => {
          if (bytes.includes('spec.resync_request')) lists.count += 1;
        },
      },
    );
  });
}
