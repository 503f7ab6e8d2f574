import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RECONCILING_ENTRY, reconcilingMark } from '../src/core/reconciling.js';
import { runScript } from './runner/script.js';
import { Disk, SimulatedStore } from './runner/simulated-store.js';
import type { World, WorldStores } from './runner/world.js';

const folder = fileURLToPath(new URL('./rules-over-restart/', import.meta.url));
const rewrite = process.env['REWRITE_RULES'] === '1';

/** A store that is durable after every command, and the same one after a restart. */
function survives(): WorldStores {
  let disk = new Disk();
  return {
    make: () => new SimulatedStore(disk, true),
    backup: ({ now }) => {
      const saved = disk.copy();
      return () => {
        disk = saved.copy();
        disk.entries.set(RECONCILING_ENTRY, reconcilingMark({ upTo: disk.position, since: now }));
        disk.position += 1_000;
        return new SimulatedStore(disk, true);
      };
    },
    settled: ({ core }: World) => {
      if (core.view.store instanceof SimulatedStore) core.view.store.commit();
    },
  };
}

describe('the rules of a broker whose store survives, told as scripts', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    it(file.replace('.txt', '').replaceAll('-', ' '), () => {
      const text = readFileSync(`${folder}${file}`, 'utf8');
      const played = runScript(text, survives());
      if (rewrite) writeFileSync(`${folder}${file}`, played);
      else expect(played).toBe(text);
    });
  }
});
