import { describe, expect, it } from 'vitest';
import { diffJson } from '../../src/server/admin/json-diff.js';
import { past } from './support/explain.js';
import { eventOf, publish, Running, statusOf } from './support/running.js';

const ADMIN = { admin: '127.0.0.1:0', history: 5 };
const DELETED = { deletiontimestamp: '2026-01-01T00:00:00Z' };

describe('the history of a resource', () => {
  it('is its last versions and deletions, with who and when, and what each changed', async () => {
    await using running = await Running.start({ ...ADMIN, tokens: [{ token: 'a', user: 'hub' }] });
    const client = running.client();
    const asHub = { authorization: 'Bearer a' };
    for (let version = 1; version <= 6; version += 1) {
      const data = JSON.stringify({ replicas: version, image: { tag: version < 6 ? 'old' : 'new' } });
      await publish(client, eventOf({ id: `e${version}`, resourceId: 'a', version, data }), asHub);
    }
    await publish(client, statusOf({ resourceId: 'a', version: 1, data: '{"ready":false}' }), asHub);
    await publish(client, statusOf({ resourceId: 'a', version: 6, data: '{"ready":true}' }), asHub);
    const gone = eventOf({ resourceId: 'a', version: 6, action: 'delete_request', extensions: DELETED });
    await publish(client, gone, asHub);
    const { specs, statuses, kept } = await past(running, 'a');
    expect(kept).toBe(5);
    expect(specs.map(({ version, deletion }) => [version, deletion])).toEqual([
      [6, true],
      [6, false],
      [5, false],
      [4, false],
      [3, false],
    ]);
    expect(specs[1]).toMatchObject({
      action: 'create_request',
      by: 'hub',
      source: 's1',
      eventId: 'e6',
      at: expect.stringMatching(/Z$/),
      changes: {
        kind: 'json',
        changed: [
          { path: 'replicas', from: '5', to: '6' },
          { path: 'image.tag', from: '"old"', to: '"new"' },
        ],
        more: 0,
      },
    });
    expect(specs[4]?.changes).toBeNull();
    expect(statuses.map(({ version }) => version)).toEqual([6, 1]);
    expect(statuses[0]?.changes).toMatchObject({ changed: [{ path: 'ready', from: 'false', to: 'true' }] });
  });

  it('shows of secret payloads nothing, and of others that are not JSON size and hash', async () => {
    await using running = await Running.start({ ...ADMIN, dataTypes: { 'a.v1.secrets': { secret: true } } });
    const client = running.client();
    for (let version = 1; version <= 2; version += 1) {
      const secret = JSON.stringify({ password: `hidden-${version}` });
      await publish(client, eventOf({ resourceId: 's', dataType: 'a.v1.secrets', version, data: secret }));
      await publish(client, eventOf({ resourceId: 't', version, data: `text ${version}` }));
    }
    const secret = await past(running, 's');
    expect(secret.specs[0]?.changes).toEqual({ kind: 'masked' });
    expect(JSON.stringify(secret)).not.toContain('hidden');
    expect((await past(running, 't')).specs[0]?.changes).toEqual({
      kind: 'bytes',
      from: { bytes: 6, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      to: { bytes: 6, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  });

  it('outlives the deletion itself', async () => {
    await using running = await Running.start({
      ...ADMIN,
      dataTypes: { 'a.v1.b': { deletion: 'deleted-condition' } },
    });
    const client = running.client();
    const about = { resourceId: 'a', dataType: 'a.v1.b', version: 1 };
    await publish(client, eventOf(about));
    await publish(client, eventOf({ ...about, action: 'delete_request', extensions: DELETED }));
    const data = JSON.stringify({ conditions: [{ type: 'Deleted', status: 'True' }] });
    await publish(client, statusOf({ ...about, data }));
    const { specs } = await past(running, 'a');
    expect(specs.map(({ deletion }) => deletion)).toEqual([true, false]);
  });

  it('without history there is the newest alone', async () => {
    await using running = await Running.start({ ...ADMIN, history: 1 });
    const client = running.client();
    for (let version = 1; version <= 3; version += 1)
      await publish(client, eventOf({ resourceId: 'a', version }));
    expect(await past(running, 'a')).toMatchObject({ kept: 1, specs: [{ version: 3 }], statuses: [] });
  });
});

describe('what differs between two JSON values', () => {
  it.each([
    ['nothing', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
    ['a member', { a: { b: 1 } }, { a: { b: 2 } }, [['a.b', '1', '2']]],
    [
      'one that came and one that went',
      { a: 1 },
      { b: null },
      [
        ['a', '1', null],
        ['b', null, 'null'],
      ],
    ],
    ['one put into an array', [1, 3], [1, 2, 3], [['[1]', null, '2']]],
    ['one taken out of an array', ['a', 'b', 'c'], ['a', 'c'], [['[1]', '"b"', null]]],
    ['a name with dots', { 'a.b/c': 1 }, { 'a.b/c': 2 }, [['["a.b/c"]', '1', '2']]],
    ['another kind of value', { a: [1] }, { a: { 0: 1 } }, [['a', '[1]', '{"0":1}']]],
    ['the whole', 1, 'x', [['', '1', '"x"']]],
  ])('%s', (_, from, to, expected) => {
    const { changed, more } = diffJson(from, to);
    expect(changed.map(({ path, from: before, to: after }) => [path, before, after])).toEqual(expected);
    expect(more).toBe(0);
  });

  it('is bounded, in places and in their values', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`m${index}`, 'x'.repeat(500)]));
    const { changed, more } = diffJson({}, many);
    expect([changed.length, more]).toEqual([20, 30]);
    expect(changed[0]?.to).toHaveLength(120);
    let deep: unknown = 1;
    for (let level = 0; level < 2_000; level += 1) deep = { deep };
    expect(diffJson(deep, { deep: 1 }).changed).toHaveLength(1);
  });
});
