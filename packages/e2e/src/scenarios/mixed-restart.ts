import type { MixedPeer } from '../mixed-fleet.js';
import { MixedFleet } from '../mixed-fleet.js';
import type { Run, Scenario } from '../run.js';
import { checkMixed } from './mixed-check.js';

const RETRY_MS = 250;

/** TypeScript and Go, in all pairings, over a broker that is stopped and comes back empty: everybody returns, nothing is lost or deleted. */
export const mixedRestart: Scenario = {
  number: 7,
  name: 'mixed-restart',
  async play(run) {
    let broker = await run.broker();
    const fleet = await MixedFleet.start(run, () => broker.grpc, { resources: run.size(2, 10) });
    // Go backs off 5 to 10 s at first, later 60 to 120 s.
    const backMs = run.size(60_000, 300_000);
    await fleet.settled('every agent holds version 1', 30_000);
    await fleet.changeStatuses();
    await fleet.settled('every source knows a status', 30_000);
    for (let round = 0; round < run.size(1, 4); round += 1) {
      const brutal = round % 2 === 1;
      run.history.add('fault', 'broker', { note: brutal ? 'SIGKILL' : 'SIGTERM' });
      if (brutal) await broker.kill();
      else await broker.stop();
      const from = performance.now();
      broker = await run.restart(broker);
      await Promise.all(fleet.peers.map((peer) => back(run, fleet, peer, from, backMs)));
      await fleet.settled('all are equal after the restart', backMs);
    }
    await fleet.recordState();
    checkMixed(run, fleet);
  },
};

/** Publishes until that works again, and tells after how long it did. */
async function back(
  run: Run,
  fleet: MixedFleet,
  peer: MixedPeer,
  from: number,
  timeoutMs: number,
): Promise<void> {
  for (const turn of fleet.turns(peer)) {
    if (await turn()) break;
    if (performance.now() - from > timeoutMs)
      throw new Error(`${peer.name} cannot publish ${timeoutMs} ms after the broker came back`);
    await new Promise((resolve) => {
      setTimeout(resolve, RETRY_MS);
    });
  }
  const key = peer.isOwn ? 'ownBackSeconds' : 'goBackSeconds';
  const seconds = (performance.now() - from) / 1_000;
  run.figure(key, Math.max(seconds, Number(run.figures[key] ?? 0)));
}
