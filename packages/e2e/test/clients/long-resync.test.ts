import { afterEach, beforeEach, expect, test } from 'vitest';
import { hubAt, PartStore, part, ScriptedServer } from '../../src/client-support/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

/** Takes five milliseconds of the processor. */
function slowHash({ uid }: { readonly uid: string }): string {
  const end = performance.now() + 5;
  while (performance.now() < end);
  return uid;
}

const lister = new PartStore(Array.from({ length: 60 }, (_, n) => part(`r${n}`, 1)));

test('a resync that hashes for long lets others have turns in between', async () => {
  let hashing = false;
  let turns = 0;
  await using source = await hubAt(server.address, {
    lister,
    statusHashGetter: (resource) => {
      if (resource.uid === 'r0') {
        hashing = true;
        tick();
      }
      if (resource.uid === 'r59') hashing = false;
      return slowHash(resource);
    },
  });
  const tick = () =>
    setImmediate(() => {
      if (!hashing) return;
      turns++;
      tick();
    });
  await source.subscribe(() => undefined);
  await source.resync();
  expect(turns).toBeGreaterThan(5);
  expect(server.published).toHaveLength(1);
});

test('its signal, and close, end it while it hashes', async () => {
  await using source = await hubAt(server.address, { lister, statusHashGetter: slowHash });
  await source.subscribe(() => undefined);
  const abort = new AbortController();
  const given = expect(source.resync('', { signal: abort.signal })).rejects.toMatchObject({
    code: 'cancelled',
  });
  setImmediate(() => setImmediate(() => abort.abort()));
  await given;
  const closed = expect(source.resync()).rejects.toMatchObject({ code: 'cancelled' });
  setImmediate(() => setImmediate(() => void source.close()));
  await closed;
  expect(server.published).toEqual([]);
});
