import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { byCommand } from './runner/by-command.js';
import { runScript } from './runner/script.js';
import { inMemory } from './runner/world.js';

const folder = fileURLToPath(new URL('./rules/', import.meta.url));

/** Each turn looks at one resource only. */
const slowly = { ...inMemory, options: { sliceSize: 1 } };

describe('the same rules, one resource a turn', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    if (text.includes('option sliceSize')) continue;
    it(file.replace('.txt', '').replaceAll('-', ' '), () => {
      expect(byCommand(runScript(text, slowly))).toEqual(byCommand(text));
    });
  }
});
