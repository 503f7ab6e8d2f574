import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runScript } from './runner/script.js';

const folder = fileURLToPath(new URL('./rules/', import.meta.url));
const rewrite = process.env['REWRITE_RULES'] === '1';

/** Each file of rules/ tells one rule. With REWRITE_RULES=1 the outcomes are written anew: read the diff before you believe it. */
describe('the rules of the broker, told as scripts', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    it(file.replace('.txt', '').replaceAll('-', ' '), () => {
      const text = readFileSync(`${folder}${file}`, 'utf8');
      const played = runScript(text);
      if (rewrite) writeFileSync(`${folder}${file}`, played);
      else expect(played).toBe(text);
    });
  }
});
