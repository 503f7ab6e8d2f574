import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../src/index.js';
import { Example } from './example.js';

const READY = /http=(\S+) grpc=(\S+)/;

describe('examples/embed-in-express', () => {
  let folder: string;
  let app: Example;
  let agent: Example | undefined;
  let http: string;
  let grpc = '127.0.0.1:0';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ce-broker-express-'));
    await startApp();
    agent = Example.node('agent-in-30-lines/agent', ['c1', grpc]);
  });
  afterAll(async () => {
    await agent?.stop();
    await app?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function startApp(): Promise<void> {
    app = Example.node('embed-in-express/app', ['0', grpc, join(folder, 'widgets.jsonl')]);
    const [, httpAddress = '', grpcAddress = ''] = await app.prints(READY);
    http = `http://${httpAddress}/clusters/c1/widgets`;
    grpc = grpcAddress;
  }

  async function put(name: string, body: unknown, waitMs = 20_000): Promise<Response> {
    return await fetch(`${http}/${name}?wait=${waitMs}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  async function widgets(): Promise<unknown> {
    return await (await fetch(http)).json();
  }

  it('a request waits for the agent, which came in over gRPC', async () => {
    const answer = await put('door', { color: 'red' });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ name: 'door', status: { state: 'painted red' } });
    expect(await widgets()).toMatchObject([
      { name: 'door', resourceVersion: '1', status: { state: 'painted red' } },
    ]);
  });

  it('a request that does not wait is accepted, and so is one for a cluster that is away', async () => {
    expect((await put('gate', { color: 'red' }, 0)).status).toBe(202);
    const away = await fetch(http.replace('/c1/', '/c2/').concat('/door?wait=100'), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"color":"red"}',
    });
    expect(away.status).toBe(202);
  });

  it('a request that makes no sense is told so', async () => {
    expect((await put('door', { colour: 'red' })).status).toBe(400);
    expect((await fetch(`${http}/nothing`, { method: 'DELETE' })).status).toBe(404);
  });

  it('the metrics of the broker are on the port of the application', async () => {
    const metrics = await (await fetch(new URL('/metrics', http))).text();
    expect(metrics).toMatch(/^grpc_server_ce_subscribers\{.*consumer="c1".*\} 1$/m);
  });

  it('what is wanted survives a restart of the process', async () => {
    expect(await app.stop()).toBe(0);
    await startApp();
    const answer = await put('door', { color: 'blue' });
    expect(await answer.json()).toMatchObject({ resourceVersion: '2', status: { state: 'painted blue' } });
  });

  it('a widget is gone when the agent has removed it', async () => {
    expect((await fetch(`${http}/door`, { method: 'DELETE' })).status).toBe(202);
    await until('door is gone', 20_000, async () => !JSON.stringify(await widgets()).includes('door'));
    await agent?.prints(/^door removed$/m);
    expect((await put('door', { color: 'green' })).status).toBe(200);
  });
});
