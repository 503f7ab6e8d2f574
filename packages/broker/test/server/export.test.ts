import { describe, expect, it } from 'vitest';
import { eventOf, publish, Running } from './support/running.js';

const ADMIN = { admin: '127.0.0.1:0' } as const;
const SECRETS = { dataTypes: { 'a.v1.secrets': { secret: true } } };

async function rowsOf(running: Running, query = ''): Promise<Record<string, unknown>[]> {
  const response = await running.fetch(`/export${query}`);
  expect(response.status).toBe(200);
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function importAll(running: Running, rows: readonly object[]): Promise<Response> {
  return running.fetch('/import', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ lines: rows.map((row, index) => ({ line: index + 1, row })), last: true }),
  });
}

describe('an export', () => {
  it('has the events of secret types only where somebody asks for them, and an import leaves them out', async () => {
    await using running = await Running.start({ ...ADMIN, ...SECRETS });
    const client = running.client();
    const hidden = JSON.stringify({ password: 'hidden' });
    await publish(client, eventOf({ resourceId: 's', dataType: 'a.v1.secrets', version: 1, data: hidden }));
    await publish(client, eventOf({ resourceId: 'p', version: 1 }));
    const plain = await rowsOf(running);
    expect(plain.map(({ kind }) => kind)).toEqual(['export', 'resource', 'resource', 'end']);
    const secret = plain.find(({ id }) => id === 's');
    expect(secret).toMatchObject({ secret: true, spec: { version: '1' } });
    expect(secret?.['spec']).not.toHaveProperty('event');
    const open = await rowsOf(running, '?secrets=true');
    const shown = open.find(({ id }) => id === 's')?.['spec'] as { event: string } | undefined;
    expect(Buffer.from(shown?.event ?? '', 'base64').toString()).toContain('hidden');

    await using other = await Running.start({ ...ADMIN, ...SECRETS });
    expect(await (await importAll(other, plain)).json()).toEqual({ taken: 1, known: 0, leftOut: 1 });
    expect(await (await importAll(other, open)).json()).toEqual({ taken: 1, known: 1, leftOut: 0 });
    const audit = await (await other.fetch('/audit')).text();
    expect(audit).toContain('"action":"import"');
  });

  it('is for operators: an agent, and a page of another host, get nothing', async () => {
    await using running = await Running.start({
      ...ADMIN,
      tokens: [
        { token: 'one', user: 'c1-agent' },
        { token: 'two', user: 'ann' },
      ],
      roles: { sources: [], agents: ['c1-agent'] },
    });
    for (const path of ['/export', '/backup']) {
      const asAgent = await running.fetch(path, { headers: { authorization: 'Bearer one' } });
      expect(asAgent.status).toBe(403);
      const fromPage = await running.fetch(path, { headers: { origin: 'http://evil.example' } });
      expect(fromPage.status).toBe(403);
    }
    expect((await running.fetch('/export', { headers: { authorization: 'Bearer two' } })).status).toBe(200);
  });
});
