import { MixedFleet, type MixedPeer } from '../mixed-fleet.js';
import type { Scenario } from '../run.js';
import { checkMixed } from './mixed-check.js';

/** Specs and statuses of TypeScript and Go, in all pairings, whose publish failed reach the other side after the next connection. */
export const mixedLost: Scenario = {
  number: 22,
  name: 'mixed-lost',
  async play(run) {
    let broker = await run.broker();
    const fleet = await MixedFleet.start(run, () => broker.grpc, { resources: run.size(2, 10) });
    const healMs = run.size(60_000, 300_000);
    await fleet.settled('every agent holds version 1', 30_000);

    const cutOff = async (who: string, peers: readonly MixedPeer[], change: () => Promise<number>) => {
      run.history.add('fault', who, { note: 'cut off, and it changes' });
      for (const peer of peers) peer.unplug();
      const acked = await change();
      if (acked > 0) run.fault(`${acked} publishes were acknowledged while ${who} were cut off`);
      for (const peer of peers) peer.plugIn();
      const ms = await fleet.settled(`equal after ${who} were cut off`, healMs);
      run.figure(`${who}HealedMs`, Math.max(ms, Number(run.figures[`${who}HealedMs`] ?? 0)));
    };
    for (let round = 0; round < run.size(1, 3); round += 1) {
      await cutOff('sources', fleet.sources, () => fleet.changeSpecs());
      await cutOff('agents', fleet.agents, () => fleet.changeStatuses());
      // For Go the third loss in a row, which costs it a minute or two: only in the long form.
      if (!run.long) continue;
      run.history.add('fault', 'broker', { note: 'killed, and both sides change' });
      await broker.kill();
      const acked = (await fleet.changeSpecs()) + (await fleet.changeStatuses());
      if (acked > 0) run.fault(`${acked} publishes were acknowledged while there was no broker`);
      broker = await run.restart(broker);
      const ms = await fleet.settled('equal after the broker was away', healMs);
      run.figure('brokerHealedMs', Math.max(ms, Number(run.figures['brokerHealedMs'] ?? 0)));
    }
    await fleet.recordState();
    checkMixed(run, fleet);
  },
};
