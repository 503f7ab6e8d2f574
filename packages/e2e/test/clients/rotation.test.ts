import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grpcAgentOptions } from 'ce-broker-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  encodePart,
  Inbox,
  makeAgent,
  NO_LIMIT,
  part,
  ScriptedServer,
  StatusLog,
  typeOf,
} from '../../src/client-support/index.js';
import { brokerCommand, until } from '../../src/index.js';

let dir: string;
const file = (...parts: string[]) => join(dir, ...parts);
const read = (...parts: string[]) => readFileSync(file(...parts), 'utf8');
const fingerprint = (...parts: string[]) => new X509Certificate(read(...parts)).fingerprint256;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ce-broker-rotation-'));
  for (const name of ['first', 'second'])
    execFileSync(process.execPath, [brokerCommand(), 'certs', file(name)]);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function filesOf(name: string): void {
  for (const each of ['client.crt', 'client.key']) cpSync(file(name, each), file(each));
}

test('a client certificate that is replaced is taken without a restart and without a wait, and publishes under way are answered', async () => {
  const server = await ScriptedServer.start(
    {},
    {
      cert: read('first', 'server.crt'),
      key: read('first', 'server.key'),
      ca: [read('first', 'ca.crt'), read('second', 'ca.crt')],
    },
  );
  filesOf('first');
  const options = grpcAgentOptions(
    {
      url: server.address,
      caFile: file('first', 'ca.crt'),
      clientCertFile: file('client.crt'),
      clientKeyFile: file('client.key'),
      watchIntervalMs: 20,
    },
    'c1',
    'c1-agent',
    NO_LIMIT,
  );
  const inbox = new Inbox();
  await using agent = await makeAgent(options, { reconnectDelay: () => 60_000 });
  const log = new StatusLog(agent);
  const reconnected = agent.reconnected[Symbol.asyncIterator]();
  await agent.subscribe(inbox.take);
  expect(server.clients).toEqual([fingerprint('first', 'client.crt')]);

  let answer: () => void = () => undefined;
  server.script = {
    publish: (call) => {
      answer = () => call.ok();
    },
  };
  const sent = agent.publish(typeOf('status'), part('a', 1));
  await until('it is on its way', 5_000, () => server.published.length === 1);
  filesOf('second');
  await reconnected.next();
  expect(server.clients).toEqual([fingerprint('first', 'client.crt'), fingerprint('second', 'client.crt')]);
  answer();
  await sent;
  server.last.send(encodePart('hub', typeOf('spec'), part('after', 1)));
  await until('it hears by the new one', 5_000, () => inbox.lines.includes('ADDED after 1'));
  await until('the old one is gone', 5_000, () => server.openConnections === 1);
  expect(log.count('disconnected')).toBe(0);
  await agent.close();
  await server.stop();
});

test('a certificate that is half written is not taken: the connection stays', async () => {
  const server = await ScriptedServer.start(
    {},
    { cert: read('first', 'server.crt'), key: read('first', 'server.key'), ca: [read('first', 'ca.crt')] },
  );
  filesOf('first');
  const warnings: string[] = [];
  const warn = (_: object, message: string) => void warnings.push(message);
  const options = grpcAgentOptions(
    {
      url: server.address,
      caFile: file('first', 'ca.crt'),
      clientCertFile: file('client.crt'),
      clientKeyFile: file('client.key'),
      watchIntervalMs: 20,
      logger: { debug: warn, info: warn, warn, error: warn },
    },
    'c1',
    'c1-agent',
    NO_LIMIT,
  );
  await using agent = await makeAgent(options);
  await agent.subscribe(() => undefined);
  writeFileSync(file('client.crt'), read('first', 'client.crt').slice(0, 200));
  await until('it is told of', 5_000, () => warnings.length > 0);
  await agent.publish(typeOf('status'), part('a', 1));
  expect(server.connections).toBe(1);
  expect(warnings.join('\n')).toContain('clientCertFile');
  await agent.close();
  await server.stop();
});
