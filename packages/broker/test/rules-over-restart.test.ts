import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runScript } from './runner/script.js';
import { survives } from './runner/survives.js';

const folder = fileURLToPath(new URL('./rules-over-restart/', import.meta.url));
const rewrite = process.env['REWRITE_RULES'] === '1';

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
