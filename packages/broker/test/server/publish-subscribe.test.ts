import { isHeartbeat } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import {
  DATA_TYPE,
  eventOf,
  events,
  eventWhere,
  publish,
  Running,
  requestOf,
  statusOf,
  subscribed,
} from './support/running.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('publish and subscribe', () => {
  it('a spec reaches the agent of its cluster byte for byte, a status the source it names', async () => {
    await using running = await Running.start();
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1' });
    const source = await subscribed(client, { source: 's1', dataType: DATA_TYPE });
    const spec = eventOf({ data: '{"a":1}' });
    expect((await publish(client, spec)).status).toBe(0);
    const [received] = await agent.messages(1);
    // The request is the event with a tag and a length before it.
    expect(requestOf(spec).subarray(-(received?.length ?? 0))).toEqual(received);
    const status = statusOf();
    expect((await publish(client, status)).status).toBe(0);
    expect((await events(source, 1))[0]).toMatchObject({ id: status.id });
  });

  it('headers come at once, before any event, with one subscription-id that is a UUID', async () => {
    await using running = await Running.start();
    const client = running.client();
    const call = await subscribed(client, { clusterName: 'c1' });
    const headers = await call.headers;
    expect(headers['subscription-id']).toMatch(UUID);
    expect(headers[':status']).toBe(200);
    expect(await call.messages(0)).toEqual([]);
    const other = await (await subscribed(client, { clusterName: 'c1' })).headers;
    expect(other['subscription-id']).not.toBe(headers['subscription-id']);
  });

  it('what waits for a subscriber when it comes follows its headers', async () => {
    await using running = await Running.start();
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'r1' }));
    // A source that owns something is asked for its own slice as soon as it is there.
    const source = await subscribed(client, { source: 's1' });
    const [request] = await events(source, 1);
    expect(request?.type).toBe(`${DATA_TYPE}.spec.resync_request`);
    expect((await source.headers)['subscription-id']).toMatch(UUID);
  });

  it('heartbeats come on an idle stream', async () => {
    await using running = await Running.start({ heartbeatIntervalMs: 100 });
    const call = await subscribed(running.client(), { clusterName: 'c1' });
    const beats = await call.messages(2);
    expect(beats.every((message) => isHeartbeat(message))).toBe(true);
  });

  it('a resync is answered after the Publish that asked for it', async () => {
    await using running = await Running.start();
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'r1', version: 3 }));
    const agent = await subscribed(client, { clusterName: 'c1' });
    const ask = eventOf({
      source: 'c1-agent',
      action: 'resync_request',
      data: '{"resourceVersions":[]}',
      extensions: { originalsource: '' },
    });
    expect((await publish(client, ask)).status).toBe(0);
    const answer = await eventWhere(agent, ({ type }) => type === eventOf().type);
    expect(answer.extensions.get('resourceid')).toEqual({ kind: 'string', value: 'r1' });
  });

  it('store none relays and keeps nothing', async () => {
    await using running = await Running.start({ store: 'none' });
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1' });
    await publish(client, eventOf());
    await events(agent, 1);
    expect(running.broker.status().store).toMatchObject({ kind: 'none', resources: 0, keptBytes: 0 });
  });

  it('a subscription and its end are logged, payloads never', async () => {
    await using running = await Running.start();
    const client = running.client();
    await subscribed(client, { clusterName: 'c1' });
    await publish(client, eventOf({ data: '{"password":"hidden-in-payload"}' }));
    await publish(client, eventOf({ data: '{"password":"hidden-in-payload"}', cluster: '' }));
    expect(
      running.lines.some(({ message, fields }) => message === 'subscribed' && fields['name'] === 'c1'),
    ).toBe(true);
    expect(running.lines.some(({ level, message }) => level === 'warn' && message === 'refused')).toBe(true);
    expect(JSON.stringify(running.lines)).not.toContain('hidden-in-payload');
  });

  it('a flood of refusals does not flood the log', async () => {
    await using running = await Running.start();
    const client = running.client();
    const bad = eventOf({ cluster: '' });
    for (let index = 0; index < 100; index += 1) await publish(client, bad);
    const refusals = running.lines.filter(({ message }) => message === 'refused').length;
    expect(refusals).toBeGreaterThan(0);
    expect(refusals).toBeLessThan(100);
    expect(running.broker.status().counters.refused).toEqual({ invalid_argument: 100 });
  });
});
