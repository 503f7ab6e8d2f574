import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabases, putLast } from '../../src/store/databases.js';
import { numberKey } from '../../src/store/layout.js';

it('a key that is not above all others is kept too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'put-last-'));
  const put = async (...positions: number[]) => {
    const { events, root } = openDatabases(folder);
    await root.batch(() => {
      for (const position of positions) putLast(events, numberKey(position), Buffer.from(String(position)));
    });
    const values = [...events.getRange({})].map(({ value }) => value.toString());
    await root.close();
    return values;
  };
  try {
    expect(await put(3, 7, 5)).toEqual(['3', '5', '7']);
    // What was there before counts, also after a start.
    expect(await put(4, 9)).toEqual(['3', '4', '5', '7', '9']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
