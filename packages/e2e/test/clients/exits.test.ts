import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ScriptedServer } from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

describe('a program that has closed its client', () => {
  const program = fileURLToPath(new URL('../../dist/client-support/leaver-main.js', import.meta.url));

  async function leave(where: string, when: () => boolean): Promise<Record<string, string>> {
    const child = spawn(process.execPath, [program, where], { stdio: ['pipe', 'pipe', 'inherit'] });
    const watchdog = setTimeout(() => child.kill('SIGKILL'), 20_000);
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
    });
    const over = once(child, 'exit');
    await until('it is where it should be', 10_000, () => when() || child.exitCode !== null);
    child.stdin.end('go\n');
    const [code, signal] = await over;
    clearTimeout(watchdog);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    return JSON.parse(out);
  }

  const all = (code: string) => ({
    'publish behind the rate limit': 'cancelled',
    subscribe: code,
    ready: code,
    waitFor: 'cancelled',
    reconnected: '{"done":true}',
    status: 'closed',
  });

  test('exits by itself: a server that answers no publish', async () => {
    const server = await ScriptedServer.start({ publish: () => undefined });
    const ended = await leave(
      server.address,
      () => server.published.length === 1 && server.subscriptions.length === 1,
    );
    expect(ended).toEqual({ publish: 'cancelled', ...all('resolved') });
    await server.stop();
  });

  test('exits by itself: a server that does not open the subscription', async () => {
    const server = await ScriptedServer.start({ subscribe: () => undefined, publish: () => undefined });
    const ended = await leave(
      server.address,
      () => server.published.length === 1 && server.subscriptions.length === 1,
    );
    expect(ended).toEqual({ publish: 'cancelled', ...all('cancelled') });
    await server.stop();
  });

  test('exits by itself: a port that says nothing', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    const ended = await leave(`127.0.0.1:${bound.port}`, () => connections > 0);
    expect(ended).toEqual({ publish: 'cancelled', ...all('cancelled') });
    server.close();
  });

  test('exits by itself: nobody listens', async () => {
    const server = await ScriptedServer.start();
    await server.stop();
    const ended = await leave(server.address, () => true);
    expect(ended).toMatchObject(all('cancelled'));
  });

  test('exits by itself: the broker in its own process', async () => {
    const ended = await leave('in-process', () => true);
    expect(ended).toMatchObject({
      'publish behind the rate limit': 'cancelled',
      waitFor: 'cancelled',
      status: 'closed',
    });
  });
});
