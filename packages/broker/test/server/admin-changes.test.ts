import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Roles } from '../../src/access/roles.js';
import { AdminServer } from '../../src/server/admin/admin-server.js';
import { Audit, type AuditRow } from '../../src/server/admin/audit.js';
import { auditRoutes } from '../../src/server/admin/audit-routes.js';
import { readBody } from '../../src/server/admin/body.js';
import type { ChangeRoute } from '../../src/server/admin/route.js';
import { processClock } from '../../src/server/clock.js';
import { MemoryStore } from '../../src/state/memory-store.js';

const roles = new Roles({ sources: [], agents: ['c1-agent'] });
const users: Readonly<Record<string, string>> = { 'Bearer abc': 'alice', 'Bearer def': 'c1-agent' };

/** Changes nothing, and says so. */
const paint: ChangeRoute = {
  method: 'POST',
  path: '/paint',
  answer: ({ body, by }) => {
    const { colour, wall } = readBody(body, ['colour', 'wall'], ['colour']);
    const did = colour === 'none' ? undefined : { action: 'paint', about: { colour, wall } };
    return { json: { by, colour }, did };
  },
};

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

class Admin implements AsyncDisposable {
  readonly audit: Audit;
  readonly faults: unknown[] = [];
  readonly #server: AdminServer;
  #port = 0;

  constructor(store = new MemoryStore()) {
    this.audit = new Audit(store, processClock);
    this.#server = new AdminServer({
      routes: [paint, ...auditRoutes(this.audit)],
      audit: this.audit,
      saved: () => Promise.resolve(),
      identityOf: (authorization) => {
        const user = users[authorization];
        return user === undefined ? undefined : roles.identity(user, []);
      },
      onFault: (error) => this.faults.push(error),
      onClose: () => undefined,
    });
  }

  async listen(): Promise<this> {
    this.#port = (await this.#server.listen({ host: '127.0.0.1', port: 0 })).port;
    return this;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  post(body: string, headers: Readonly<Record<string, string>> = {}, method = 'POST'): Promise<Answer> {
    const all = { 'content-type': 'application/json', ...headers };
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#port, path: '/paint', method, headers: all };
      const call = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
      call.once('error', reject);
      call.end(body);
    });
  }

  async rows(): Promise<AuditRow[]> {
    const response = await fetch(`http://${this.host}/audit`);
    const lines = (await response.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as AuditRow);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.close();
  }
}

let admin: Admin;
const started = async (store?: MemoryStore): Promise<Admin> => {
  admin = await new Admin(store).listen();
  return admin;
};
afterEach(() => admin[Symbol.asyncDispose]());

describe('a change', () => {
  it('is made by this machine, or by the user of a token, and stands in the audit trail', async () => {
    await started();
    expect(await admin.post('{"colour":"red","wall":"north"}')).toEqual({
      status: 200,
      text: '{"by":"admin","colour":"red"}\n',
    });
    const byAlice = await admin.post('{"colour":"blue"}', {
      authorization: 'Bearer abc',
      host: 'far.example',
    });
    expect(byAlice.text).toBe('{"by":"alice","colour":"blue"}\n');
    expect(await admin.rows()).toEqual([
      {
        at: expect.stringMatching(/Z$/),
        by: 'admin',
        action: 'paint',
        about: { colour: 'red', wall: 'north' },
      },
      { at: expect.stringMatching(/Z$/), by: 'alice', action: 'paint', about: { colour: 'blue' } },
    ]);
  });

  it('that changed nothing is not in the audit trail', async () => {
    await started();
    expect((await admin.post('{"colour":"none"}')).status).toBe(200);
    expect(await admin.rows()).toEqual([]);
  });

  it('is refused to strangers, to agents and to pages of other hosts', async () => {
    await started();
    const body = '{"colour":"red"}';
    for (const headers of [
      { host: 'rebound.example' },
      { host: 'rebound.example', authorization: 'Bearer no' },
      { authorization: 'Bearer def' },
      { origin: 'https://evil.example' },
      { origin: 'http://127.0.0.1:1' },
      { origin: 'null' },
      { origin: 'https://evil.example', authorization: 'Bearer abc' },
    ] as Record<string, string>[]) {
      const { status, text } = await admin.post(body, headers);
      expect([headers, status]).toEqual([headers, 403]);
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'permission_denied' } });
    }
    expect((await admin.post(body, { origin: `http://${admin.host}` })).status).toBe(200);
    expect(await admin.rows()).toHaveLength(1);
  });

  it('needs JSON that it knows, and not too much of it', async () => {
    await started();
    expect((await admin.post('{"colour":"red"}', { 'content-type': 'text/plain' })).status).toBe(400);
    expect((await admin.post('colour=red')).status).toBe(400);
    expect((await admin.post('["red"]')).status).toBe(400);
    expect((await admin.post('{"colour":1}')).text).toContain('colour must be text');
    expect((await admin.post('{"wall":"north"}')).text).toContain('colour is missing');
    expect((await admin.post('{"color":"red"}')).text).toContain('there is no member color: colour, wall');
    expect((await admin.post(`{"colour":"${'x'.repeat(65 * 1024)}"}`)).status).toBe(413);
    expect((await admin.post('', {}, 'PUT')).status).toBe(405);
    expect(admin.faults).toEqual([]);
  });
});

describe('the audit trail', () => {
  it('keeps the last thousand changes, in order, also beyond a restart', async () => {
    const store = new MemoryStore();
    const before = new Audit(store, processClock);
    for (let index = 0; index < 700; index += 1) before.record('a', { action: 'paint', about: { index } });
    await started(store);
    for (let index = 700; index < 1_400; index += 1)
      admin.audit.record('b', { action: 'paint', about: { index } });
    const rows = await admin.rows();
    expect(rows.map(({ about }) => about['index'])).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index + 400),
    );
  });
});
