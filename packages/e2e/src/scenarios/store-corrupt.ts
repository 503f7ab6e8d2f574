import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrokerProcess, StartFailed } from '../broker-process.js';
import { dataDirOf } from '../data-dir.js';
import { ModelAgent } from '../model-agent.js';
import { stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Run, Scenario } from '../run.js';
import { pause, until } from '../until.js';

const CLUSTERS = 2;
const RESOURCES = 300;
const BYTES = 300;
const FILES = [
  'data.mdb',
  'data.mdb',
  'data.mdb',
  'data.mdb',
  'data.mdb',
  'lock.mdb',
  'broker.lock',
] as const;

/**
 * Bits are flipped and ends are cut off all over the files of a store, then the broker starts. It serves, or it refuses, naming the file and
 * what to do; it never ends by a signal, and never hands out what nobody has written. What is damaged is healed by resync.
 */
export const storeCorrupt: Scenario = {
  number: 2,
  name: 'corrupt',
  async play(run) {
    const sound = await soundStore(run);
    const dataDir = dataDirOf(run);
    let served = 0;
    let refused = 0;
    let dropped = 0;
    const rounds = run.size(6, 400);
    const tries = Math.ceil(run.size(150, 4_000) / rounds);
    for (let round = 0; round < rounds; round += 1) {
      rmSync(dataDir, { recursive: true, force: true });
      cpSync(sound.dataDir, dataDir, { recursive: true });
      const what = damage(run, dataDir, tries);
      run.history.add('fault', 'disk', { note: what });
      try {
        const broker = await run.broker({ args: ['--store', 'lmdb', '--data-dir', dataDir] });
        served += 1;
        dropped += await mustHeal(run, broker, what);
        await broker.kill();
      } catch (error) {
        if (!(error instanceof StartFailed)) throw error;
        refused += 1;
        if (typeof error.ended !== 'number')
          run.fault(`${what}: the broker ended with ${error.ended}: ${error.log.slice(-300)}`);
        else if (!error.log.includes(dataDir) || !/backup|remove|move|end that one/i.test(error.log))
          run.fault(`${what}: the refusal does not say which file, or what to do: ${error.log.slice(-500)}`);
      }
    }
    run.figure('damagedBits', rounds * tries);
    run.figure('served', served);
    run.figure('refused', refused);
    run.figure('eventsDropped', dropped);
  },
};

/** A store that was in use, with updates, deletions and statuses behind it; and what is in it. */
async function soundStore(run: Run): Promise<{ readonly dataDir: string }> {
  const dataDir = dataDirOf(run);
  const broker = await run.broker({ lmdb: { dataDir, settleAt: 200 } });
  const world = peersOf(run, broker, 'writes');
  for (const peer of world.peers) peer.start();
  await until('all is written', 30_000, world.isEqual);
  await Promise.all(
    [...world.source.wanted.values()].map(({ cluster, id }) => world.source.update(cluster, id)),
  );
  await until('all is updated', 30_000, world.isEqual);
  stopAll(world.peers);
  await broker.kill();
  return { dataDir };
}

/** Source and agents that want and hold the same each time. */
function peersOf(run: Run, broker: BrokerProcess, round: string) {
  const base = { history: run.history, random: run.random, address: () => broker.grpc, recordsEvents: false };
  const source = new ModelSource({ ...base, name: 'source', bytes: BYTES });
  const sequence = round === 'writes' ? 0 : 1_000_000;
  const agents = Array.from(
    { length: CLUSTERS },
    (_, n) =>
      new ModelAgent({
        ...base,
        name: `agent-${n}-${round}`,
        cluster: `cluster-${n}`,
        reports: true,
        sequence,
      }),
  );
  for (const { cluster } of agents)
    for (let n = 0; n < RESOURCES; n += 1) source.holds(cluster, `r${n}`, round === 'writes' ? 1 : 2);
  const isEqual = () =>
    agents.every(
      (agent) =>
        agent.held.size === RESOURCES &&
        [...agent.held.values()].every(({ id, version, sequence }) => {
          const key = `${agent.cluster}/${id}`;
          return source.wanted.get(key)?.version === version && source.known.get(key) === sequence;
        }),
    );
  return { source, agents, peers: [source, ...agents], isEqual };
}

/** Agents that come with nothing get what is sound; once the source is there, they get all. A damaged payload would not be what it says. */
async function mustHeal(run: Run, broker: BrokerProcess, what: string): Promise<number> {
  const world = peersOf(run, broker, 'reads');
  // Damage is found when it is read: by agents that come before their source, or while it is there.
  const isThere = run.random.oneIn(2);
  if (isThere) world.source.start();
  for (const agent of world.agents) {
    agent.onApplied = ({ id, version }) => {
      if (version > 2 || !/^r\d+$/.test(id))
        run.fault(`${what}: ${agent.cluster} was handed ${id} at version ${version}`);
    };
    agent.start();
  }
  await until('the agents are there', 10_000, () => world.agents.every(({ isOpen }) => isOpen));
  await pause(50);
  world.source.start();
  let dropped = 0;
  try {
    await until('all is equal', 15_000, world.isEqual);
  } catch {
    const held = world.agents.map(({ held: { size } }) => size).join(', ');
    const known = world.source.known.size;
    run.fault(
      `${what}: not healed: the agents hold ${held} of ${RESOURCES}, the source knows ${known} statuses`,
    );
  }
  if (broker.ended !== undefined) run.fault(`${what}: the broker ended with ${broker.ended}`);
  else dropped = (await broker.status()).counters.dropped['damaged'] ?? 0;
  stopAll(world.peers);
  return dropped;
}

/** Gives what was done to which file. */
function damage(run: Run, dataDir: string, times: number): string {
  const { random } = run;
  const name = random.pick(FILES);
  const file = join(dataDir, name);
  const { length } = readFileSync(file);
  if (length > 0 && random.oneIn(8)) {
    const left = random.whole(0, length - 1);
    truncateSync(file, left);
    return `${name} cut off at ${left} of ${length}`;
  }
  const bytes = readFileSync(file);
  const at: number[] = [];
  const many = random.oneIn(2) ? 1 : times;
  for (let n = 0; n < many && length > 0; n += 1) {
    const where = random.whole(0, length - 1);
    bytes.writeUInt8(bytes.readUInt8(where) ^ (1 << random.whole(0, 7)), where);
    at.push(where);
  }
  writeFileSync(file, bytes);
  return `${name} with flipped bits in bytes ${at.slice(0, 20).join(', ')}`;
}
