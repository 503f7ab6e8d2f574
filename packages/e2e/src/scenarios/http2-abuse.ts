import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BrokerProcess } from '../broker-process.js';
import { MIB } from '../measure.js';
import { ABUSES, type Abuse } from '../raw-http2/abuses.js';
import { HonestPair, type Seen } from '../raw-http2/honest-pair.js';
import type { Run, Scenario } from '../run.js';
import { pause } from '../until.js';

const runFile = promisify(execFile);
const ABUSER = fileURLToPath(new URL('../../dist/abuse-main.js', import.meta.url));

const HONEST_PER_SECOND = 200;
/** Some abuses take what a connection may have, thousands of streams and answers, and the allocator keeps a part of that. */
const MEMORY_MIB = 64;
/** Below it a p99 is what the machine does to two processes beside each other. */
const NOTICEABLE_MS = 25;
const TURNS = 3;
/** Thousands of calls at once, in between. */
const LOAD_MS = 500;

interface Told {
  readonly connections: number;
  readonly endings: Readonly<Record<string, number>>;
}

/**
 * HTTP/2 abuse of every kind, each by a process that dials again whenever it is shut out, beside a source and an agent that work on
 * steadily. The h2 engine, whatever engine the others are played on: these limits are its own.
 */
export const http2Abuse: Scenario = {
  number: 12,
  name: 'abuse',
  async play(run) {
    const broker = await run.broker({ args: ['--rpc-engine', 'h2'], collectable: true });
    const pair = await HonestPair.start(broker.grpc, HONEST_PER_SECOND);
    const seconds = run.size(1, 30);
    await pause(1_000);
    pair.take();
    await pause(run.size(5, 30) * 1000);
    const normal = pair.take();
    run.figure('normalP99Ms', normal.p99Ms);
    run.figure('normalP50Ms', normal.p50Ms);
    const before = await broker.rssCollected();

    const bar = Math.max(2 * normal.p99Ms, NOTICEABLE_MS);
    let [worst, worstOf, worstUnderLoad, shutOut] = [0, '', 0, 0];
    for (const abuse of ABUSES) {
      let p99Ms = Number.POSITIVE_INFINITY;
      // What the machine does once it does not do again; what the abuse does, it does each time.
      for (let turn = 0; turn < TURNS && p99Ms > bar; turn += 1) {
        const { told, seen } = await play(run, abuse, broker, pair, seconds);
        shutOut += told.connections;
        p99Ms = Math.min(p99Ms, seen.p99Ms);
      }
      if (!abuse.option.test(broker.log))
        run.fault(`${abuse.name}: no line of the log names ${abuse.option}`);
      if (abuse.load === true) worstUnderLoad = Math.max(worstUnderLoad, p99Ms);
      else if (p99Ms > worst) [worst, worstOf] = [p99Ms, abuse.name];
    }
    run.figure('abuses', ABUSES.length);
    run.figure('connectionsShutOut', shutOut);
    run.figure('worstP99Of', worstOf);
    run.promptly('worstP99Ms', worst, bar);
    run.promptly('worstP99UnderLoadMs', worstUnderLoad, LOAD_MS);
    const after = await broker.rssCollected(before + MEMORY_MIB * MIB);
    run.atMost('memoryGrowthMiB', (after - before) / MIB, MEMORY_MIB);
    run.fault(...(await pair.stop()));
    if (broker.ended !== undefined) run.fault(`the broker ended with ${broker.ended}`);
    await nobodyIsLeft(run, broker);
  },
};

async function play(
  run: Run,
  abuse: Abuse,
  broker: BrokerProcess,
  pair: HonestPair,
  seconds: number,
): Promise<{ readonly told: Told; readonly seen: Seen }> {
  pair.take();
  const { stdout } = await runFile(process.execPath, [ABUSER, broker.grpc, abuse.name, String(seconds)]);
  const told: Told = JSON.parse(stdout);
  const seen = pair.take();
  run.history.add('fault', abuse.name, { note: JSON.stringify({ ...told, ...seen }) });
  const { 'not shut out': notShutOut = 0 } = told.endings;
  if (notShutOut > 0) run.fault(`${abuse.name}: was not shut out, ${notShutOut} times`);
  if (seen.acknowledged < (HONEST_PER_SECOND * seconds) / 2)
    run.fault(`${abuse.name}: the honest source had ${seen.acknowledged} answers in ${seconds} s`);
  return { told, seen };
}

async function nobodyIsLeft(run: Run, broker: BrokerProcess): Promise<void> {
  await pause(2_000);
  const { connections } = await broker.status();
  if (connections.open > 0) run.fault(`${connections.open} connections are left`);
}
