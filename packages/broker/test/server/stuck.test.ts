import { describe, expect, it } from 'vitest';
import { stuck, traced } from './support/explain.js';
import { DATA_TYPE, eventOf, events, publish, Running, statusOf, subscribed } from './support/running.js';

const ADMIN = { admin: '127.0.0.1:0' };

describe('what does not move', () => {
  it('is every spec without an answer, deletion without a confirmation, orphan, silent agent and hold', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'answered', version: 1 }));
    await publish(client, statusOf({ resourceId: 'answered', version: 1 }));
    await publish(client, eventOf({ resourceId: 'away', cluster: 'c2', source: 's2' }));
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, eventOf({ resourceId: 'silent', version: 3 }));
    const list = '{"resourceVersions":[{"resourceID":"lost","resourceVersion":4}]}';
    await publish(
      client,
      eventOf({
        cluster: 'c1',
        action: 'resync_request',
        source: 'agent',
        data: list,
        extensions: { originalsource: '' },
      }),
    );
    await running.log.said(/no source owns/);
    const extensions = { deletiontimestamp: '2026-01-01T00:00:00Z' };
    await publish(
      client,
      eventOf({ resourceId: 'answered', version: 2, action: 'delete_request', extensions }),
    );
    await events(agent, 2);
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ source: 's9', reason: 'r' });
    await running.fetch('/holds', { method: 'POST', headers, body });
    const rows = await stuck(running);
    const seen = rows.map(({ kind, id, cluster, why }) => [
      kind,
      id,
      cluster,
      why.map(({ code }) => code).join(),
    ]);
    expect(seen.sort()).toEqual([
      ['agent', null, 'c1', 'no-report'],
      ['deletion', 'answered', 'c1', 'unconfirmed'],
      ['hold', null, null, 'held'],
      ['orphan', 'lost', 'c1', 'orphan'],
      ['spec', 'away', 'c2', 'no-subscriber'],
      ['spec', 'silent', 'c1', 'no-report'],
    ]);
    expect(rows.find(({ id }) => id === 'silent')).toMatchObject({
      dataType: DATA_TYPE,
      owner: 's1',
      spec: 3,
      status: null,
      since: expect.stringMatching(/Z$/),
      ageMs: expect.any(Number),
    });
    const idsOf = async (query: string) =>
      (await stuck(running, `olderThanMs=0&${query}`)).map(({ kind, id }) => id ?? kind).sort();
    expect(await idsOf('cluster=c2')).toEqual(['away', 'hold']);
    expect(await idsOf('source=s2')).toEqual(['away']);
    expect(await idsOf('type=a.b.c')).toEqual(['hold']);
    expect(await stuck(running, '')).toEqual([]);
    expect((await running.fetch('/state/stuck?olderThanMs=10m')).status).toBe(400);
  });

  it('an agent that has reported anything since it subscribed is not silent', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, eventOf({ resourceId: 'a' }));
    await publish(client, eventOf({ resourceId: 'b' }));
    await events(agent, 2);
    expect((await stuck(running)).map(({ kind }) => kind).sort()).toEqual(['agent', 'spec', 'spec']);
    await publish(client, statusOf({ resourceId: 'a' }));
    expect((await stuck(running)).map(({ id }) => id)).toEqual(['b']);
  });

  it('is stuck since the first spec after the newest status, however often it was published again', async () => {
    await using running = await Running.start({ ...ADMIN, history: 5 });
    const client = running.client();
    for (let version = 1; version <= 4; version += 1)
      await publish(client, eventOf({ resourceId: 'a', version, action: 'update_request' }));
    const state = await (await running.fetch('/state/history?id=a')).json();
    const { resources } = state as { resources: { specs: { at: string }[] }[] };
    expect((await stuck(running))[0]?.since).toBe(resources[0]?.specs.at(-1)?.at);
    const about = { resourceId: 'a', version: 4 };
    const extensions = { deletiontimestamp: '2026-01-01T00:00:00Z' };
    await publish(client, eventOf({ ...about, action: 'delete_request', extensions }));
    await publish(client, eventOf({ ...about, version: 1 }));
    const [row] = await stuck(running);
    expect(row).toMatchObject({ kind: 'spec', spec: 1 });
    expect(row?.since).toBe((await traced(running, 'a')).spec?.at);
  });
});

describe('/state', () => {
  it('is narrowed to what is out of sync, to a state, to what is old', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    for (const resourceId of ['done', 'behind', 'new', 'unversioned'])
      await publish(client, eventOf({ resourceId, version: resourceId === 'unversioned' ? 0 : 2 }));
    await publish(client, statusOf({ resourceId: 'done', version: 2 }));
    await publish(client, statusOf({ resourceId: 'behind', version: 1 }));
    await publish(client, statusOf({ resourceId: 'unversioned', version: 0 }));
    await publish(
      client,
      eventOf({
        resourceId: 'going',
        action: 'delete_request',
        extensions: { deletiontimestamp: '2026-01-01T00:00:00Z' },
      }),
    );
    const list = async (query: string) => {
      const text = await (await running.fetch(`/state?${query}`)).text();
      const rows = text.split('\n').filter((line) => line !== '');
      return rows.map((line) => JSON.parse(line) as { id: string; sync: string });
    };
    const outOfSync = await list('outOfSync=true');
    expect(Object.fromEntries(outOfSync.map(({ id, sync }) => [id, sync]))).toEqual({
      behind: 'behind',
      new: 'no-status',
      going: 'unconfirmed',
    });
    expect((await list('state=deleting')).map(({ id }) => id)).toEqual(['going']);
    expect((await list('')).length).toBe(5);
    expect(await list('olderThanMs=60000')).toEqual([]);
    expect((await running.fetch('/state?state=lively')).status).toBe(400);
    expect((await running.fetch('/state?outOfSync=yes')).status).toBe(400);
  });
});
