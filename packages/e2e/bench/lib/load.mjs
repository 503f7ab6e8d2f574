/** Runs one load in a process of its own, on the other core, and hands back its figures. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onCore } from './servers.mjs';

const OTHER = '../loads/other.mjs';
const SCRIPTS = { grpc: '../loads/grpc.mjs', jetstream: OTHER, mqtt: OTHER, 'mqtt-qos0': OTHER, nats: OTHER };
const KILL_AFTER_MS = 1_500_000;

/**
 * `work` goes to the script as JSON. The answer of a load: `ackedPerSecond`, `deliveredPerSecond`, `cpuPerEvent`
 * (microseconds of the server per acknowledged event), `cpuPerDelivery`, `p50Ms`, `p99Ms`, `deliveryP99Ms`, `errors`.
 */
export function runScript(script, work) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const [program, ...args] = onCore(1, [process.execPath, file, JSON.stringify(work)]);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-4_000);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      if (code !== 0)
        reject(new Error(`the load ended with ${code}: ${/^\w*Error.*$/m.exec(errors)?.[0] ?? errors}`));
      else resolve(JSON.parse(out));
    });
  });
}

/** `profile`: the server takes a profile of the measured time. */
export const runLoadOn = (server, options, profile = false) =>
  runScript(SCRIPTS[server.protocol], {
    protocol: server.protocol,
    pid: server.pid,
    profile,
    options: { ...options, server: server.address },
  });
