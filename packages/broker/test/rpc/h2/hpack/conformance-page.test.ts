import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const PAGE = 'docs/reference/http2-conformance.md';

/** The rows of its section on HPACK: file, and the title of a test in it or how it begins. */
function rows(): { file: string; title: string }[] {
  const page = readFileSync(new URL(`../../../../../../${PAGE}`, import.meta.url), 'utf8');
  const section = page.split(/^## /m).find((text) => text.startsWith('HPACK\n')) ?? '';
  return [...section.matchAll(/^\|.*\| ([a-z-]+): `(.+)` \|$/gm)].map(([, file = '', title = '']) => ({
    file,
    title,
  }));
}

describe(`${PAGE}: HPACK`, () => {
  it('has a row for each MUST and more', () => {
    expect(rows().length).toBeGreaterThan(30);
  });

  it.each(rows())('$file has the test "$title"', ({ file, title }) => {
    expect(readFileSync(new URL(`./${file}.test.ts`, import.meta.url), 'utf8')).toContain(`'${title}`);
  });
});
