import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const bin = join(
  dirname(createRequire(import.meta.url).resolve('ce-broker/package.json')),
  'bin',
  'ce-broker.mjs',
);

/** The commands of the demo, each a process of its own, so that none outlives it. */
export class Processes {
  #children = new Set();
  #log = [];
  #expected = new Set();
  /** What ended though nobody told it to. */
  failure;

  /**
   * Starts `ce-broker ARGS`.
   * @param {string} name in the log
   * @param {readonly string[]} args
   * @param {(line: string) => void} [onLine] takes each line of its stdout
   */
  start(name, args, onLine) {
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    child.once('exit', (code, signal) => {
      this.#children.delete(child);
      if (!this.#expected.has(child)) this.failure ??= new Error(`${name} ended with ${signal ?? code}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.push(`${name}: ${line}`);
        if (this.#log.length > 200) this.#log.shift();
        if (stream === child.stdout) onLine?.(line);
      });
    }
    return child;
  }

  /** Ends one at once, as a power cut does. */
  async kill(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    this.#expected.add(child);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Ends all of them; those that take their time are killed. */
  async endAll() {
    const ending = [...this.#children].map(async (child) => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 8_000);
      await gone;
      clearTimeout(timer);
    });
    await Promise.all(ending);
  }

  /** The end of what they said. */
  get log() {
    return this.#log.join('\n');
  }
}
