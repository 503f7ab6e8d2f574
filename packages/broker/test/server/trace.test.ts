import { describe, expect, it } from 'vitest';
import { traced, whyOf } from './support/explain.js';
import {
  DATA_TYPE,
  eventOf,
  events,
  openSubscription,
  publish,
  Running,
  statusOf,
  subscribed,
} from './support/running.js';

const ADMIN = { admin: '127.0.0.1:0' };
const DELETED = { deletiontimestamp: '2026-01-01T00:00:00Z' };

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

function post(running: Running, path: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return running.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

describe('the trace of a resource', () => {
  it('tells each stage of a spec that was answered', async () => {
    await using running = await Running.start({
      ...ADMIN,
      tokens: [
        { token: 'a', user: 'hub' },
        { token: 'b', user: 'klusterlet' },
      ],
    });
    const asHub = { authorization: 'Bearer a' };
    const asAgent = { authorization: 'Bearer b' };
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE }, asAgent);
    const source = await subscribed(client, { source: 's1' }, asHub);
    await publish(client, eventOf({ id: 'e1', resourceId: 'a', version: 2 }), asHub);
    await events(agent, 1);
    await publish(client, statusOf({ resourceId: 'a', version: 2 }), asAgent);
    await events(source, 1);
    const trace = await traced(running, 'a');
    expect(trace).toMatchObject({
      id: 'a',
      cluster: 'c1',
      owner: 's1',
      sync: 'answered',
      why: [],
      refusals: [],
    });
    expect(trace.answeredAt).toBe(trace.status?.at);
    expect(trace.spec).toMatchObject({
      version: 2,
      by: 'hub',
      action: 'create_request',
      source: 's1',
      eventId: 'e1',
      durable: true,
      known: 'all',
      delivered: 1,
      deliveries: [{ role: 'agent', name: 'c1', user: 'klusterlet', open: true }],
    });
    expect(trace.status).toMatchObject({
      by: 'klusterlet',
      delivered: 1,
      deliveries: [{ role: 'source', name: 's1', user: 'hub', open: true }],
    });
    source.stream.close();
    await running.log.said(/subscription ended/);
    expect((await traced(running, 'a')).status?.deliveries).toMatchObject([{ name: 's1', open: false }]);
  });

  it('says why nothing came of it: nobody is there, nobody reports, the report is of an earlier version', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'a', version: 1 }));
    expect(await whyOf(running, 'a')).toEqual(['spec no-subscriber']);
    const late = await subscribed(client, { clusterName: 'c1' });
    expect(await whyOf(running, 'a')).toEqual(['spec no-resync']);
    await publish(client, eventOf({ resourceId: 'a', version: 2, action: 'update_request' }));
    await events(late, 1);
    expect(await whyOf(running, 'a')).toEqual(['spec no-report']);
    await publish(client, statusOf({ resourceId: 'a', version: 1 }));
    expect(await whyOf(running, 'a')).toEqual(['spec old-report', 'status no-subscriber']);
    expect((await traced(running, 'a')).sync).toBe('behind');
    await publish(client, statusOf({ resourceId: 'a', version: 2 }));
    expect(await whyOf(running, 'a')).toEqual(['status no-subscriber']);
  });

  it('says that a deletion waits for its confirmation, and the next life for the end of the one before', async () => {
    await using running = await Running.start({
      ...ADMIN,
      dataTypes: { [DATA_TYPE]: { deletion: 'deleted-condition' } },
    });
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1' });
    await publish(client, eventOf({ resourceId: 'a', version: 1 }));
    await publish(
      client,
      eventOf({ resourceId: 'a', version: 1, action: 'delete_request', extensions: DELETED }),
    );
    await events(agent, 2);
    expect(await whyOf(running, 'a')).toEqual(['spec unconfirmed']);
    await publish(client, eventOf({ resourceId: 'a', version: 1 }));
    expect(await whyOf(running, 'a')).toEqual(['spec earlier-life']);
  });

  it('says who holds it, and that it went out', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1' });
    await post(running, '/holds', { cluster: 'c1', reason: 'change freeze' });
    await publish(client, eventOf({ resourceId: 'a' }));
    expect(await whyOf(running, 'a')).toEqual(['spec held']);
    const { why, spec } = await traced(running, 'a');
    expect(why[0]?.text).toBe('cluster c1 is held by admin: change freeze; ce-broker release lets it go');
    expect(spec?.delivered).toBe(0);
    await post(running, '/release', { cluster: 'c1' });
    await events(agent, 1);
    expect(await whyOf(running, 'a')).toEqual(['spec no-report']);
  });

  it('says that a connection takes nothing, and which versions nobody got', async () => {
    await using running = await Running.start({ ...ADMIN, drainTimeoutMs: 60_000 });
    const client = running.client();
    const frozen = openSubscription(running.client(), { clusterName: 'c1' });
    await frozen.headers;
    frozen.stream.pause();
    const data = JSON.stringify('x'.repeat(300 * 1024));
    let version = 0;
    while ((await whyOf(running, 'a').catch(() => [])).join() !== 'spec flow-control') {
      version += 1;
      await publish(client, eventOf({ resourceId: 'a', version, action: 'update_request', data }));
    }
    const { spec, why } = await traced(running, 'a');
    expect(spec).toMatchObject({ version, delivered: 0 });
    expect(why[0]?.text).toMatch(
      /^the connection of agent c1 \(session \d+, user anonymous\) takes nothing$/,
    );
  });

  it('shows versions that gave way to newer ones before anybody got them', async () => {
    await using running = await Running.start({ ...ADMIN, history: 5 });
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'a', version: 1 }));
    const agent = await subscribed(client, { clusterName: 'c1' });
    await publish(client, eventOf({ resourceId: 'a', version: 2, action: 'update_request' }));
    await events(agent, 1);
    await publish(client, eventOf({ resourceId: 'a', version: 3, action: 'update_request' }));
    await events(agent, 2);
    expect((await traced(running, 'a')).spec).toMatchObject({
      version: 3,
      delivered: 1,
      superseded: [
        { version: 2, delivered: 1 },
        { version: 1, delivered: 0 },
      ],
    });
  });

  it('shows what was refused, and what had no effect', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'a', version: 4 }));
    await publish(client, eventOf({ resourceId: 'a', source: 's2', version: 5 }));
    await publish(client, eventOf({ resourceId: 'a', version: 3, action: 'update_request' }));
    await publish(client, eventOf({ resourceId: 'b', source: 's2' }));
    const { refusals } = await traced(running, 'a');
    expect(refusals).toMatchObject([
      { code: 'stale', source: 's1', user: 'anonymous', message: expect.stringContaining('version 3') },
      { code: 'permission_denied', source: 's2', message: expect.stringContaining('belongs to source s1') },
    ]);
  });

  it('says that a receiver cannot take it', async () => {
    await using running = await Running.start({ ...ADMIN, receiverMaxBytes: 1024 * 1024 });
    const data = JSON.stringify('x'.repeat(1200 * 1024));
    await publish(running.client(), eventOf({ resourceId: 'a', data }));
    for (let times = 1; times <= 2; times += 1) {
      const client = running.client();
      await subscribed(client, { clusterName: 'c1' });
      const list = '{"resourceVersions":[]}';
      const ask = {
        action: 'resync_request',
        source: 'agent',
        data: list,
        extensions: { originalsource: '' },
      };
      await publish(running.client(), eventOf(ask));
      await until(async () => (await traced(running, 'a')).spec?.delivered === times);
      client.close();
      await until(() => running.broker.status().sessions.agents === 0);
    }
    await subscribed(running.client(), { clusterName: 'c1' });
    expect(await whyOf(running, 'a')).toEqual(['spec too-large']);
  });

  it('is not found where there is no such resource', async () => {
    await using running = await Running.start(ADMIN);
    expect((await running.fetch('/state/trace?id=a')).status).toBe(404);
    expect((await running.fetch('/state/trace')).status).toBe(400);
    expect((await running.fetch('/state/history?id=a')).status).toBe(404);
  });
});
