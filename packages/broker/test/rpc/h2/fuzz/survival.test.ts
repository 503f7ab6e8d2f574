import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { startServer } from '../conformance/harness.js';
import { expectServes } from '../conformance/rules.js';
import { chunksOf, makeAttack } from './mutation.js';
import { OurSide } from './our-side.js';
import { Random, seedOf } from './random.js';
import { CONNECTIONS, SEED, TIMEOUT_MS } from './settings.js';

const AT_ONCE = 64;
const OVER_TCP = 400;
/** What memory may grow by, whatever the number of connections. */
const DRIFT_BYTES = 32 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test(`${CONNECTIONS} mutated connections: no fault, nothing left behind, no growth`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const ours = new OurSide();
  const round = async (from: number): Promise<void> => {
    const attacks = Array.from({ length: AT_ONCE }, (_, at) => {
      const { bytes, cuts } = makeAttack(new Random(seedOf(SEED ^ 0x5f5f, from + at)));
      return chunksOf(bytes, cuts);
    });
    const left = await ours.survive(attacks);
    expect(left, `streams left after the connections from ${from}, seed ${SEED}`).toBe(0);
    expect(ours.faults, `after the connections from ${from}, seed ${SEED}`).toEqual([]);
  };
  const begun = performance.now();
  const warm = Math.floor(CONNECTIONS / 5);
  let index = 0;
  for (; index < warm; index += AT_ONCE) await round(index);
  const before = memory();
  for (; index < CONNECTIONS; index += AT_ONCE) await round(index);
  await ours.settled();
  const growth = memory() - before;
  if (process.env['CE_BROKER_FUZZ_REPORT'] === '1') {
    const seconds = (performance.now() - begun) / 1_000;
    console.log({
      seed: SEED,
      connections: index,
      seconds: Math.round(seconds),
      growthKiB: Math.round(growth / 1024),
    });
  }
  expect(growth).toBeLessThan(DRIFT_BYTES);
  // Every account that the engine keeps is settled.
  expect(ours.engine).toMatchObject({ arrivingBytes: 0, inflater: { running: 0 } });
  await ours.close();
});

test(`${OVER_TCP} mutated connections over TCP: each comes to its end, and an honest one is served throughout`, {
  timeout: TIMEOUT_MS,
}, async () => {
  await using server = await startServer();
  for (let index = 0; index < OVER_TCP; index += 20) {
    const sockets = Array.from({ length: 20 }, (_, at) => {
      const { bytes } = makeAttack(new Random(seedOf(SEED ^ 0x7c7c, index + at)));
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      // The end of the client's side ends the connection, once what came before it has been looked at.
      socket.end(bytes);
      return new Promise((resolve) => socket.once('close', resolve));
    });
    await Promise.all(sockets);
    await expectServes(server);
  }
  expect(server.faults).toEqual([]);
});
