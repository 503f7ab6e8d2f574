import { MANIFEST_BUNDLES } from 'ce-broker-proto';
import { StartFailed } from '../broker-process.js';
import { agentsHoldWhatIsWanted, nothingIsDeleted, sourcesKnowTheNewestStatus } from '../checkers.js';
import { dataDirOf, keptIn } from '../data-dir.js';
import { ModelAgent } from '../model-agent.js';
import { WIDGETS } from '../model-events.js';
import { stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const CLUSTERS = 5;

/**
 * What a broker that was killed still means to those who were not there: agents that start for the first time while their source is gone for
 * good get everything; a source that starts with an empty memory gets every status.
 */
export const storeRestart: Scenario = {
  number: 1,
  name: 'restart',
  async play(run) {
    const resources = run.size(40, 400);
    let broker = await run.broker(keptIn(dataDirOf(run)));
    const base = { history: run.history, random: run.random, address: () => broker.grpc };
    let healed = 0;
    for (const [kind, dataType] of [
      ['widgets', WIDGETS],
      ['bundles', MANIFEST_BUNDLES],
    ] as const) {
      const agents = (round: string, reports: boolean) =>
        Array.from({ length: CLUSTERS }, (_, n) => {
          const name = `${kind}-agent-${n}-${round}`;
          return new ModelAgent({ ...base, name, cluster: `${kind}-${n}`, dataType, reports });
        });
      const source = new ModelSource({ ...base, name: `${kind}-source`, dataType, bytes: 1_024 });
      source.start();
      await until('the source is there', 10_000, () => source.isOpen);
      const clusters = Array.from({ length: CLUSTERS }, (_, n) => `${kind}-${n}`);
      const ids = clusters.flatMap((cluster) =>
        Array.from({ length: resources }, (_, n) => ({ cluster, id: `r${n}` })),
      );
      const answers = await Promise.all(ids.map(({ cluster, id }) => source.create(cluster, id)));
      answers.push(...(await Promise.all(ids.map(({ cluster, id }) => source.update(cluster, id)))));
      if (answers.includes(false)) run.fault('a publish was refused');
      // The source is gone for good, and nobody has seen its specs.
      source.stop();
      await broker.kill();
      broker = await run.restart(broker);
      const first = agents('first', true);
      for (const agent of first) agent.start();
      const from = performance.now();
      await until(`agents of ${kind} hold what a source wanted that is gone`, 20_000, () =>
        first.every(({ held }) => held.size === resources),
      );
      await until('their statuses are taken', 20_000, () => first.every(({ inFlight }) => inFlight === 0));
      healed = Math.max(healed, performance.now() - from);
      stopAll(first);
      await broker.kill();
      broker = await run.restart(broker);
      // It comes back with nothing but its list of what it wants; the agents are away.
      const heir = new ModelSource({ ...base, name: `${kind}-source`, dataType });
      heir.start();
      await until(`a source of ${kind} with an empty memory knows every status`, 20_000, () =>
        first.every((agent) =>
          [...agent.held.values()].every(
            ({ id, sequence }) => heir.known.get(`${agent.cluster}/${id}`) === sequence,
          ),
        ),
      );
      source.recordState();
      heir.recordState();
      for (const agent of first) agent.recordState();
      heir.stop();
    }
    run.figure('slowestMs', healed);
    const lines = run.history.read();
    run.fault(
      ...agentsHoldWhatIsWanted(lines),
      ...sourcesKnowTheNewestStatus(lines),
      ...nothingIsDeleted(lines),
    );
  },
};

/** One directory, two brokers: the second one is refused while the first one runs, and takes over at once when that was killed. */
export const storeHeld: Scenario = {
  number: 1,
  name: 'held-directory',
  async play(run) {
    const start = keptIn(dataDirOf(run));
    let broker = await run.broker(start);
    const source = new ModelSource({
      history: run.history,
      random: run.random,
      name: 'source',
      address: () => broker.grpc,
    });
    run.after(() => source.stop());
    source.start();
    await until('the source is there', 10_000, () => source.isOpen);
    let slowest = 0;
    let refusals = 0;
    for (let round = 0; round < run.size(3, 20); round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) => source.create('cluster', `r${round}-${n}`)),
      );
      if (answers.includes(false)) run.fault('a publish was refused');
      refusals += await mustBeRefused(run, broker.pid, start);
      if (broker.ended !== undefined) run.fault('the first broker ended when a second one was started');
      if ((await source.update('cluster', `r${round}-0`)) === false)
        run.fault('the first broker takes nothing any more');
      await broker.kill();
      const from = performance.now();
      broker = await run.restart(broker);
      slowest = Math.max(slowest, performance.now() - from);
      await until('the source is back', 10_000, () => source.isOpen);
      const { resources } = (await broker.status()).store;
      if (resources !== (round + 1) * 50)
        run.fault(`after a restart there are ${resources} resources, not ${(round + 1) * 50}`);
    }
    run.figure('refusals', refusals);
    run.atMost('takeOverMs', slowest, 5_000);
  },
};

async function mustBeRefused(run: Run, holder: number, start: ReturnType<typeof keptIn>): Promise<number> {
  try {
    await (await run.broker(start)).kill();
    run.fault('a second broker starts on a directory that is in use');
    return 0;
  } catch (error) {
    if (!(error instanceof StartFailed)) throw error;
    const clear =
      typeof error.ended === 'number' && error.log.includes('in use') && error.log.includes(String(holder));
    if (!clear)
      run.fault(`the second broker ended with ${error.ended}, and does not name the first: ${error.log}`);
    return 1;
  }
}
