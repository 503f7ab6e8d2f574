import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
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
      expect(sorted(runScript(text, slowly))).toEqual(sorted(text));
    });
  }
});

/** What comes of one command may come in another order: what is ready goes out first. */
function sorted(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith('  ')) commands.at(-1)?.push(line);
    else commands.push([line]);
  }
  return commands.map(([command = '', ...outcome]) => [command, ...outcome.sort()]);
}
