import { timestampFromMillis } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import type { HeldRow } from '../../src/index.js';
import {
  DATA_TYPE,
  eventOf,
  events,
  eventWhere,
  publish,
  Running,
  statusOf,
  subscribed,
} from './support/running.js';

const ADMIN = { admin: '127.0.0.1:0' } as const;

function post(running: Running, path: string, body: unknown, headers: Record<string, string> = {}) {
  return running.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function rows(running: Running, path: string): Promise<Record<string, unknown>[]> {
  const text = await (await running.fetch(path)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a hold', () => {
  it('lets publishes be acknowledged, and the newest go out on release', async () => {
    await using running = await Running.start();
    const { broker } = running;
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    const held = await broker.hold({ cluster: 'c1', reason: 'upgrade', by: 'ann' });
    expect(held).toMatchObject({ kind: 'cluster', name: 'c1', by: 'ann', reason: 'upgrade', waiting: 0 });
    for (const version of [1, 2, 3]) {
      const { status } = await publish(client, eventOf({ version, action: 'update_request' }));
      expect(status).toBe(0);
    }
    expect(broker.status().held).toEqual({ holds: 1, heldKeys: 1, heldDeletions: 0 });
    expect(broker.status().sessions).toMatchObject({ dirtyKeys: 0, blocked: 0, oldestUndeliveredMs: 0 });
    expect(broker.holds()).toMatchObject([{ kind: 'cluster', name: 'c1', waiting: 1 }]);
    const released = await broker.release({ cluster: 'c1', by: 'bob' });
    expect(released).toMatchObject([{ kind: 'cluster', name: 'c1', by: 'ann', waiting: 1 }]);
    const [first] = await events(agent, 1);
    expect(first?.extensions.get('resourceversion')?.value).toBe(3);
    expect(broker.holds()).toEqual([]);
    expect(running.lines).toContainEqual({
      level: 'warn',
      fields: { target: 'cluster c1', by: 'ann', reason: 'upgrade' },
      message: 'held: nothing newer goes out until it is released',
    });
    expect(running.lines).toContainEqual({
      level: 'warn',
      fields: { target: 'cluster c1', by: 'bob' },
      message: 'released',
    });
  });

  it('of a resource needs no more than its id where there is one of it', async () => {
    await using running = await Running.start();
    const { broker } = running;
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'x', cluster: 'c1' }));
    await publish(client, eventOf({ resourceId: 'y', cluster: 'c1' }));
    await publish(client, eventOf({ resourceId: 'y', cluster: 'c2' }));
    expect(await broker.hold({ resource: 'x', reason: 'r' })).toMatchObject({
      kind: 'resource',
      name: 'x',
      cluster: 'c1',
      dataType: DATA_TYPE,
    });
    await expect(broker.hold({ resource: 'y', reason: 'r' })).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'resource',
      message: expect.stringContaining('there are 2 of this id'),
    });
    await expect(broker.hold({ resource: 'z', reason: 'r' })).rejects.toMatchObject({ code: 'not_found' });
    await broker.hold({ resource: 'y', cluster: 'c2', reason: 'r' });
    await broker.hold({ resource: 'z', cluster: 'c9', dataType: DATA_TYPE, reason: 'to come' });
    await expect(broker.hold({ resource: 'y', cluster: 'c2', reason: 'r' })).rejects.toMatchObject({
      code: 'already_exists',
    });
    expect(broker.holds().map(({ name, cluster }) => `${cluster}/${name}`)).toEqual(['c1/x', 'c2/y', 'c9/z']);
    await broker.release({ resource: 'y' });
    await expect(broker.release({ resource: 'y' })).rejects.toMatchObject({ code: 'not_found' });
    expect(await broker.release({ all: true })).toHaveLength(2);
    expect(await broker.release({ all: true })).toEqual([]);
  });

  it('is refused where it says nothing, or too much, or nothing can wait', async () => {
    await using running = await Running.start();
    const { broker } = running;
    const refused = { code: 'invalid_argument' };
    await expect(broker.hold({ reason: 'r' } as never)).rejects.toMatchObject(refused);
    await expect(broker.hold({ cluster: 'c1', source: 's', reason: 'r' } as never)).rejects.toMatchObject(
      refused,
    );
    await expect(broker.hold({ cluster: 'c1' } as never)).rejects.toMatchObject({
      ...refused,
      field: 'reason',
    });
    await expect(broker.hold({ cluster: '', reason: 'r' })).rejects.toMatchObject(refused);
    await expect(broker.hold({ cluster: 'c1', reason: 'r'.repeat(1001) })).rejects.toMatchObject(refused);
    await expect(broker.hold({ resource: 'x', dataType: 'works', reason: 'r' })).rejects.toMatchObject(
      refused,
    );
    await using relaying = await Running.start({ store: 'none' });
    await expect(relaying.broker.hold({ cluster: 'c1', reason: 'r' })).rejects.toMatchObject({
      code: 'failed_precondition',
    });
  });
});

describe('the admin port', () => {
  it('holds, shows what is held everywhere, and releases', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    const source = await subscribed(client, { source: 's1', dataType: DATA_TYPE });
    await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, eventOf({ resourceId: 'x' }));
    const held = await post(running, '/holds', { resource: 'x', reason: 'it flaps' });
    expect([held.status, await held.json()]).toMatchObject([
      200,
      { held: { kind: 'resource', name: 'x', cluster: 'c1', dataType: DATA_TYPE, by: 'admin' } },
    ]);
    await publish(client, eventOf({ resourceId: 'x', version: 2 }));
    await publish(client, statusOf({ resourceId: 'x', version: 1 }));
    expect(await rows(running, '/holds')).toMatchObject([{ kind: 'resource', name: 'x', waiting: 2 }]);
    expect(await rows(running, '/sessions')).toMatchObject([
      { role: 'source', dirtyKeys: 0, heldKeys: 1, blockedForMs: 0 },
      { role: 'agent', dirtyKeys: 0, heldKeys: 1, blockedForMs: 0 },
    ]);
    const [row] = await rows(running, '/state?held=true');
    expect(row?.['held']).toBe(`resource x of ${DATA_TYPE} on c1, by admin: it flaps`);
    const status = (await (await running.fetch('/status')).json()) as { held: object };
    expect(status.held).toEqual({ holds: 1, heldKeys: 2, heldDeletions: 0 });
    const released = await post(running, '/release', { resource: 'x' });
    expect(await released.json()).toMatchObject({ released: [{ name: 'x', waiting: 2 }] });
    await eventWhere(source, ({ type }) => type.includes('.status.update'));
    expect(await rows(running, '/holds')).toEqual([]);
    expect((await rows(running, '/audit')).map(({ action, by, about }) => ({ action, by, about }))).toEqual([
      {
        action: 'hold',
        by: 'admin',
        about: { kind: 'resource', name: 'x', cluster: 'c1', dataType: DATA_TYPE, reason: 'it flaps' },
      },
      {
        action: 'release',
        by: 'admin',
        about: { kind: 'resource', name: 'x', cluster: 'c1', dataType: DATA_TYPE, waiting: 2 },
      },
    ]);
  });

  it('says what is wrong, with a status that fits, and tells who holds by the token', async () => {
    await using running = await Running.start({ ...ADMIN, tokens: [{ token: 'sesame', user: 'ann' }] });
    const answer = async (path: string, body: unknown, headers?: Record<string, string>) => {
      const response = await post(running, path, body, headers);
      const { error, held } = (await response.json()) as { error?: { code: string }; held?: HeldRow };
      return `${response.status} ${error?.code ?? held?.by}`;
    };
    expect(await answer('/holds', { cluster: 'c1' })).toBe('400 invalid_argument');
    expect(await answer('/holds', { cluster: 'c1', type: DATA_TYPE, reason: 'r' })).toBe(
      '400 invalid_argument',
    );
    expect(await answer('/holds', { clusters: 'c1', reason: 'r' })).toBe('400 invalid_argument');
    expect(await answer('/holds', { resource: 'x', reason: 'r' })).toBe('404 not_found');
    expect(await answer('/release', {})).toBe('400 invalid_argument');
    expect(await answer('/release', { cluster: 'c1', all: true })).toBe('400 invalid_argument');
    expect(await answer('/release', { cluster: 'c1' })).toBe('404 not_found');
    expect(await answer('/release', { deletions: 'c1' })).toBe('404 not_found');
    const token = { authorization: 'Bearer sesame' };
    expect(await answer('/holds', { cluster: 'c1', reason: 'r' }, token)).toBe('200 ann');
    expect(await answer('/holds', { cluster: 'c1', reason: 'r' })).toBe('409 already_exists');
    const foreign = { origin: 'http://evil.example' };
    expect(await answer('/release', { all: true }, foreign)).toBe('403 permission_denied');
    expect(running.broker.status().held.holds).toBe(1);
  });
});

describe('deletions that are too many', () => {
  it('wait for consent', async () => {
    const massDeletion = { share: 0.2, least: 3 };
    await using running = await Running.start({ ...ADMIN, massDeletion });
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    const ids = Array.from({ length: 20 }, (_, index) => `r${index}`);
    for (const resourceId of ids) await publish(client, eventOf({ resourceId, action: 'resync_response' }));
    await events(agent, 20);
    for (const resourceId of ids) await publish(client, deletionOf(resourceId));
    expect(running.broker.status().held).toEqual({ holds: 0, heldKeys: 16, heldDeletions: 16 });
    expect(await rows(running, '/holds')).toMatchObject([
      {
        kind: 'deletions',
        name: 'c1',
        cluster: 'c1',
        dataType: DATA_TYPE,
        by: 'ce-broker',
        reason: '5 of 20 resources would have been deleted',
        waiting: 16,
      },
    ]);
    expect(await rows(running, '/state?held=true')).toHaveLength(16);
    expect(running.lines.filter(({ message }) => message.includes('massDeletion'))).toMatchObject([
      { level: 'warn', fields: { cluster: 'c1', dataType: DATA_TYPE, deleted: 5, of: 20 } },
    ]);
    const released = await post(running, '/release', { deletions: 'c1' });
    expect(await released.json()).toMatchObject({ released: [{ kind: 'deletions', waiting: 16 }] });
    const seen = await events(agent, 40);
    expect(new Set(seen.slice(20).map(({ extensions }) => extensions.get('resourceid')?.value)).size).toBe(
      20,
    );
    expect(running.broker.status().held).toEqual({ holds: 0, heldKeys: 0, heldDeletions: 0 });
  });
});

describe('deletions that wait', () => {
  it('are discarded, and their resources are wanted as they were', async () => {
    const massDeletion = { share: 0.2, least: 3 };
    await using running = await Running.start({ ...ADMIN, massDeletion });
    const { broker } = running;
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    const ids = Array.from({ length: 20 }, (_, index) => `r${index}`);
    for (const resourceId of ids) await publish(client, eventOf({ resourceId, action: 'resync_response' }));
    await events(agent, 20);
    for (const resourceId of ids) await publish(client, deletionOf(resourceId));
    const answer = async (body: object, headers = {}) => {
      const response = await post(running, '/discard', body, headers);
      const { error } = (await response.json()) as { readonly error?: { readonly code: string } };
      return `${response.status} ${error?.code ?? 'done'}`;
    };
    expect(await answer({ deletions: 'c1' })).toBe('400 invalid_argument');
    expect(await answer({ deletions: 'c2', reason: 'r' })).toBe('404 not_found');
    expect(await answer({ deletions: 'c1', reason: 'r' }, { origin: 'http://evil.example' })).toBe(
      '403 permission_denied',
    );
    expect(broker.status().held.heldDeletions).toBe(16);
    await expect(broker.discard({ deletions: '' })).rejects.toMatchObject({ field: 'deletions' });
    expect(await broker.discard({ deletions: 'c1', dataType: DATA_TYPE, by: 'ann' })).toEqual({
      cluster: 'c1',
      dataType: DATA_TYPE,
      source: null,
      discarded: 16,
      left: 0,
    });
    expect(broker.status().held).toEqual({ holds: 0, heldKeys: 0, heldDeletions: 0 });
    const seen = await events(agent, 40);
    const deleted = seen.filter(({ extensions }) => extensions.has('deletiontimestamp'));
    expect(deleted).toHaveLength(4);
    expect(running.lines.filter(({ message }) => message.includes('are discarded'))).toMatchObject([
      { level: 'warn', fields: { cluster: 'c1', discarded: 16, left: 0, by: 'ann' } },
    ]);
  });
});

function deletionOf(resourceId: string) {
  const event = eventOf({ resourceId, action: 'delete_request' });
  const extensions = new Map(event.extensions);
  extensions.set('deletiontimestamp', { kind: 'timestamp', value: timestampFromMillis(1_700_000_000_000) });
  return { ...event, extensions };
}
