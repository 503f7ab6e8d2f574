/** CPU profiles of the broker under load: one of each load's measured time, the newest round's. */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const WRITTEN_WITHIN_MS = 20_000;

export class Profiles {
  #folder;
  #taken = new Map();

  constructor(folder) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  nodeFlags = ['--import', new URL('./profile-hook.mjs', import.meta.url).href];

  get env() {
    return { CE_BROKER_BENCH_PROFILES: this.#folder };
  }

  /** Names the profile that the load on `pid` has just ended; its path. */
  async keep(pid, name) {
    const number = (this.#taken.get(pid) ?? 0) + 1;
    this.#taken.set(pid, number);
    const written = join(this.#folder, `${pid}-${number}.cpuprofile`);
    const until = Date.now() + WRITTEN_WITHIN_MS;
    while (!existsSync(written)) {
      if (Date.now() > until) throw new Error(`no profile ${written} was written`);
      await sleep(50);
    }
    const file = join(this.#folder, `${name}.cpuprofile`);
    renameSync(written, file);
    return file;
  }
}
