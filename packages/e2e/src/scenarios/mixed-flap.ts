import { MixedFleet, type MixedPeer } from '../mixed-fleet.js';
import type { Run, Scenario } from '../run.js';
import { pause } from '../until.js';
import { cutAtRandom } from './flap.js';
import { checkMixed } from './mixed-check.js';

/** Go's clients may send 50 events per second. */
const TURN_MS = 30;
const GO_AWAY_MS = 500;

/**
 * TypeScript and Go, in all pairings, while connections drop: ours each 0.2 to 2 s, those of Go once, and in the long form whenever
 * they have come back, which takes them 5 to 10 s, then 25 to 50, then 60 to 120.
 */
export const mixedFlap: Scenario = {
  number: 17,
  name: 'mixed-flap',
  async play(run) {
    const broker = await run.broker();
    const options = { resources: run.size(4, 20), reconnectMs: [20, 200] } as const;
    const fleet = await MixedFleet.start(run, () => broker.grpc, options);
    await fleet.settled('every agent holds version 1', 30_000);

    const stopCutting = cutAtRandom(
      run,
      fleet.peers.filter(({ isOwn }) => isOwn).map(({ cable }) => cable),
    );
    const over = performance.now() + run.size(8_000, 400_000);
    const others = fleet.peers.filter(({ isOwn }) => !isOwn);
    const goDrops = others.map((peer) => cutWhenBack(run, peer, over, run.size(1, 1_000)));
    await Promise.all(
      fleet.peers.map(async (peer) => {
        for (const turn of fleet.turns(peer)) {
          if (performance.now() > over) return;
          await Promise.all([turn(), pause(TURN_MS)]);
        }
      }),
    );
    run.figure('ownDrops', stopCutting());
    run.figure(
      'goDrops',
      (await Promise.all(goDrops)).reduce((all, one) => all + one, 0),
    );
    run.figure('settledMs', await fleet.settled('all are equal', run.size(60_000, 300_000)));
    await fleet.recordState();
    checkMixed(run, fleet);
  },
};

/** Cuts a cable 0.2 to 2 s after its program has come back; resolves with how often. */
async function cutWhenBack(run: Run, peer: MixedPeer, over: number, most: number): Promise<number> {
  let drops = 0;
  const random = run.random.fork();
  // The short form sees both: Go's clients under changes, and their way back.
  if (!run.long) await pause((over - performance.now()) / 2);
  while (drops < most && performance.now() < over) {
    await pause(random.whole(200, 2_000));
    if (peer.cable.connections === 0) continue;
    // SDK v0.15 looks at its connection each 100 ms: one that a publish opens again before that leaves its subscription deaf for good.
    peer.unplug();
    await pause(GO_AWAY_MS);
    peer.plugIn();
    drops += 1;
  }
  return drops;
}
