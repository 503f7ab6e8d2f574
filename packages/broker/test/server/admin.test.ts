import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { decodeEvent } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import {
  DATA_TYPE,
  eventOf,
  events,
  gate,
  publish,
  Running,
  statusOf,
  subscribed,
} from './support/running.js';

const ADMIN = { admin: '127.0.0.1:0' };

async function textOf(running: Running, path: string): Promise<string> {
  const response = await running.fetch(path);
  expect(response.status).toBe(200);
  return response.text();
}

async function linesOf(running: Running, path: string): Promise<Record<string, unknown>[]> {
  const text = await textOf(running, path);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A request that says which host it means, as a browser would. */
function statusFor(running: Running, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const port = running.broker.adminAddress?.port;
    const call = request({ host: '127.0.0.1', port, path: '/state', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.once('error', reject);
    call.end();
  });
}

describe('metrics', () => {
  it("have the names, labels and buckets of the SDK's server", async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, eventOf());
    await publish(client, eventOf({ resourceId: '' }));
    await publish(client, eventOf({ cluster: '' }));
    await client.call('/io.cloudevents.v1.CloudEventService/Publish', new Uint8Array(0));
    await events(agent, 1);
    const text = await textOf(running, '/metrics');
    const labels = `consumer="c1",data_type="${DATA_TYPE}"`;
    for (const line of [
      `grpc_server_ce_subscribers{${labels}} 1`,
      `grpc_server_ce_called_total{${labels},method="Subscribe"} 1`,
      `grpc_server_ce_called_total{${labels},method="Publish"} 2`,
      `grpc_server_ce_msg_received_total{${labels},method="Publish"} 2`,
      `grpc_server_ce_msg_sent_total{${labels},method="Publish"} 2`,
      `grpc_server_ce_msg_sent_total{${labels},method="Subscribe"} 1`,
      `grpc_server_ce_processed_total{${labels},method="Publish",grpc_code="OK"} 1`,
      `grpc_server_ce_processed_total{${labels},method="Publish",grpc_code="InvalidArgument"} 1`,
      'grpc_server_ce_processed_total{consumer="unknown",data_type="unknown",method="Publish",grpc_code="InvalidArgument"} 1',
      `grpc_server_ce_processing_duration_seconds_count{${labels},method="Publish",grpc_code="OK"} 1`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    const bounds = [
      ...text.matchAll(/processing_duration_seconds_bucket\{.*grpc_code="OK",le="([^"]+)"\}/g),
    ].map((match) => match[1]);
    expect(bounds).toEqual([
      '1e-06',
      '1e-05',
      '0.0001',
      '0.001',
      '0.01',
      '0.1',
      '1',
      '10',
      '100',
      '1000',
      '+Inf',
    ]);
  });

  it('an ended subscription is processed, and what it was sent stays counted', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, eventOf());
    await events(agent, 1);
    agent.stream.close();
    await running.log.said(/subscription ended/);
    const labels = `consumer="c1",data_type="${DATA_TYPE}"`;
    const lines = (await textOf(running, '/metrics')).split('\n');
    expect(lines).toContain(`grpc_server_ce_subscribers{${labels}} 0`);
    expect(lines).toContain(`grpc_server_ce_msg_sent_total{${labels},method="Subscribe"} 1`);
    expect(lines).toContain(`grpc_server_ce_processed_total{${labels},method="Subscribe",grpc_code="OK"} 1`);
  });

  it('strangers cannot make them grow without end', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    for (let index = 0; index < 300; index += 1) await publish(client, eventOf({ cluster: `c${index}` }));
    await publish(client, eventOf({ cluster: 'x'.repeat(1_000) }));
    const text = await textOf(running, '/metrics');
    const consumers = new Set(
      [...text.matchAll(/grpc_server_ce_called_total\{consumer="([^"]*)"/g)].map((match) => match[1]),
    );
    expect(consumers.size).toBeLessThanOrEqual(201);
    expect(text).toMatch(/grpc_server_ce_called_total\{consumer="other".*\} 102/);
    const timed = [
      ...text.matchAll(/grpc_server_ce_processing_duration_seconds_count\{consumer="([^"]*)".* (\d+)$/gm),
    ];
    expect(new Set(timed.map((match) => match[1])).size).toBeLessThanOrEqual(51);
    expect(timed.reduce((total, match) => total + Number(match[2]), 0)).toBe(301);
  });

  it('every metric is in the reference, and the reference has no other', async () => {
    await using running = await Running.start(ADMIN);
    const text = await textOf(running, '/metrics');
    const served = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    const reference = readFileSync(new URL('../../../../docs/reference/metrics.md', import.meta.url), 'utf8');
    const documented = [...reference.matchAll(/^\| `([a-z_]+)/gm)].map((match) => match[1]);
    expect(documented.sort()).toEqual(served.sort());
  });
});

describe('health', () => {
  it('is ready while it serves, and not while it drains', async () => {
    await using running = await Running.start(ADMIN);
    const handled = gate();
    const release = gate();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: () => {
        handled.open();
        return release.opened;
      },
    });
    expect(await textOf(running, '/healthz')).toBe('ok\n');
    expect(await textOf(running, '/readyz')).toBe('ready\n');
    const inFlight = publish(running.client(), statusOf());
    await handled.opened;
    const closing = running.broker.close();
    const response = await running.fetch('/readyz');
    expect([response.status, await response.text()]).toEqual([503, 'draining\n']);
    expect((await running.fetch('/healthz')).status).toBe(200);
    release.open();
    await inFlight;
    await closing;
    await expect(running.fetch('/healthz')).rejects.toThrow();
  });
});

describe('status and state', () => {
  it('/status is what status() says', async () => {
    await using running = await Running.start(ADMIN);
    await publish(running.client(), eventOf());
    const shown = (await (await running.fetch('/status')).json()) as Record<string, unknown>;
    const { uptimeMs, connections, ...rest } = running.broker.status();
    expect(shown['version']).toMatch(/^\d+\.\d+\.\d+/);
    expect(shown).toMatchObject({ ...rest, address: `127.0.0.1:${running.port}` });
  });

  it('/sessions shows who is subscribed and how far each is behind, and filters', async () => {
    await using running = await Running.start(ADMIN);
    const agent = await subscribed(running.client(), { clusterName: 'c1', dataType: DATA_TYPE });
    await subscribed(running.client(), { source: 's1' });
    await publish(running.client(), eventOf());
    await events(agent, 1);
    const rows = await linesOf(running, '/sessions');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual({
      id: expect.any(Number),
      role: 'agent',
      name: 'c1',
      dataType: DATA_TYPE,
      user: expect.any(String),
      peer: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
      openedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      dirtyKeys: 0,
      heldKeys: 0,
      laneBytes: 0,
      blockedForMs: 0,
      sentEvents: 1,
    });
    const names = async (query: string) =>
      (await linesOf(running, `/sessions?${query}`)).map(({ name }) => name);
    expect(await names('cluster=c1')).toEqual(['c1']);
    expect(await names('source=s1')).toEqual(['s1']);
    expect(await names('source=c1')).toEqual([]);
    expect(await names('type=a.b.c')).toEqual(['s1']);
    expect((await running.fetch('/sessions?user=x')).status).toBe(400);
  });

  it('/state shows the version of spec and status of each resource, and filters', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'a', version: 3 }));
    await publish(
      client,
      statusOf({ resourceId: 'a', version: 2, extensions: { statushash: 'h', sequenceid: '7' } }),
    );
    await publish(client, eventOf({ resourceId: 'b', cluster: 'c2', source: 's2' }));
    await publish(client, eventOf({ resourceId: 'c', dataType: 'a.v1.b' }));
    const rows = await linesOf(running, '/state');
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({
      id: 'a',
      cluster: 'c1',
      dataType: DATA_TYPE,
      owner: 's1',
      state: 'live',
      spec: { version: 3 },
      status: { version: 2, statusHash: 'h', sequenceId: '7' },
    });
    const ids = async (query: string) => (await linesOf(running, `/state?${query}`)).map(({ id }) => id);
    expect(await ids('cluster=c2')).toEqual(['b']);
    expect(await ids('source=s1')).toEqual(['a', 'c']);
    expect(await ids('type=a.v1.b&cluster=c1')).toEqual(['c']);
    expect(await ids('cluster=nowhere')).toEqual([]);
  });

  it('a long list comes whole', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => publish(client, eventOf({ resourceId: `r${index}` }))),
    );
    expect(new Set((await linesOf(running, '/state')).map(({ id }) => id)).size).toBe(1_000);
  });

  it('/state/tombstones and /state/orphans', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'a' }));
    await publish(
      client,
      eventOf({
        resourceId: 'a',
        version: 2,
        action: 'delete_request',
        extensions: { deletiontimestamp: '2026-01-01T00:00:00Z' },
      }),
    );
    await subscribed(client, { clusterName: 'c1' });
    const list = '{"resourceVersions":[{"resourceID":"lost","resourceVersion":4}]}';
    await publish(
      client,
      eventOf({ action: 'resync_request', source: 'agent', data: list, extensions: { originalsource: '' } }),
    );
    await running.log.said(/no source owns/);
    expect(await linesOf(running, '/state/tombstones')).toMatchObject([
      { id: 'a', state: 'deleting', spec: { version: 2 } },
    ]);
    expect(await linesOf(running, '/state/orphans')).toMatchObject([
      { id: 'lost', cluster: 'c1', dataType: DATA_TYPE, version: 4 },
    ]);
  });

  it('/state/resource shows the events; of a secret type only their attributes', async () => {
    await using running = await Running.start({ ...ADMIN, dataTypes: { 'a.v1.secrets': { secret: true } } });
    const client = running.client();
    const spec = eventOf({ resourceId: 'a', data: '{"x":1}' });
    await publish(client, spec);
    await publish(client, eventOf({ resourceId: 's', dataType: 'a.v1.secrets', data: '{"password":"p"}' }));
    const body = (await (await running.fetch('/state/resource?id=a')).json()) as {
      resources: { specEvent: { data: unknown; encoded: string } }[];
    };
    expect(body.resources).toHaveLength(1);
    const event = body.resources[0]?.specEvent;
    expect(event?.data).toEqual({ x: 1 });
    expect(decodeEvent(Buffer.from(event?.encoded ?? '', 'base64')).id).toBe(spec.id);
    const secret = await textOf(running, '/state/resource?id=s');
    expect(secret).toContain('"specEvent":{');
    expect(secret).not.toContain('password');
    expect(secret).not.toContain('encoded');
    expect((await running.fetch('/state/resource?id=nope')).status).toBe(404);
    expect((await running.fetch('/state/resource')).status).toBe(400);
  });

  it('it is shown to this machine, by a name of this machine, and to known tokens', async () => {
    await using running = await Running.start({ ...ADMIN, tokens: [{ token: 'abc', user: 'alice' }] });
    expect(await statusFor(running, 'localhost')).toBe(200);
    expect(await statusFor(running, '[::1]:8080')).toBe(200);
    expect(await statusFor(running, 'rebound.example:8080')).toBe(403);
    const port = running.broker.adminAddress?.port;
    const withToken = await fetch(`http://localhost:${port}/state`.replace('localhost', '127.0.0.1'), {
      headers: { authorization: 'Bearer abc' },
    });
    expect(withToken.status).toBe(200);
  });

  it('every path is in the reference, and the reference has no other', async () => {
    await using running = await Running.start(ADMIN);
    const { error } = (await (await running.fetch('/nope')).json()) as { error: { message: string } };
    const served = error.message.replace('there is no /nope: ', '').split(', ');
    const reference = readFileSync(new URL('../../../../docs/reference/admin.md', import.meta.url), 'utf8');
    const documented = [...reference.matchAll(/^\| `(\/\S*)` \| (?:GET|POST) \|/gm)].map(([, path]) => path);
    expect([...new Set(documented)].sort()).toEqual(served.sort());
  });

  it('what is not there is said', async () => {
    await using running = await Running.start(ADMIN);
    expect((await running.fetch('/nope')).status).toBe(404);
    expect((await running.fetch('/state?clutser=c1')).status).toBe(400);
    expect((await running.fetch('/status', { method: 'POST' })).status).toBe(405);
    expect((await running.fetch('/status', { method: 'HEAD' })).status).toBe(200);
  });
});

describe('the admin port under odd requests', () => {
  it("a path that is no URL is the caller's mistake", async () => {
    await using running = await Running.start({ admin: '127.0.0.1:0' });
    const socket = connect(running.broker.adminAddress?.port ?? 0, '127.0.0.1');
    socket.end('GET // HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    const [data] = await once(socket, 'data');
    expect(String(data)).toContain('400 Bad Request');
    socket.destroy();
  });
});
