/**
 * Loaded into a broker that is to be profiled (`node --import`): a SIGUSR2 begins a CPU profile of its main thread, the next one ends it
 * and writes it to the folder that CE_BROKER_BENCH_PROFILES names, as PID-NUMBER.cpuprofile, numbered from 1 on.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';

const SAMPLING_MICROS = 500;
const folder = process.env.CE_BROKER_BENCH_PROFILES;
let number = 0;
let session;

process.on('SIGUSR2', () => {
  if (session === undefined) begin();
  else void end(session);
});

function begin() {
  session = new Session();
  session.connect();
  void session.post('Profiler.enable');
  void session.post('Profiler.setSamplingInterval', { interval: SAMPLING_MICROS });
  void session.post('Profiler.start');
}

async function end(running) {
  session = undefined;
  const { profile } = await running.post('Profiler.stop');
  running.disconnect();
  number += 1;
  const file = join(folder, `${process.pid}-${number}.cpuprofile`);
  writeFileSync(`${file}.part`, JSON.stringify(profile));
  renameSync(`${file}.part`, file);
}
