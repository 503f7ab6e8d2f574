import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectGrpc } from '../../../src/transports/grpc/grpc-events-options.js';

// A process that listens and is stopped: once its queue is full, nothing is answered any more, as behind a firewall.
const LISTENER = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));
`;

let child: ChildProcess;
let port: number;
let queue: Socket[];

beforeEach(async () => {
  child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no output');
  const [line] = await once(child.stdout, 'data');
  port = Number(String(line));
  child.kill('SIGSTOP');
  queue = Array.from({ length: 6 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
});

afterEach(() => {
  for (const socket of queue) socket.destroy();
  child.kill('SIGKILL');
});

test('where nobody answers, attempts are given up with what they leave behind, each its own only', async () => {
  const signal = AbortSignal.timeout(20_000);
  while (queue.filter((socket) => !socket.connecting).length < 2) await tick(signal);
  const before = connecting();
  const controller = new AbortController();
  const url = `127.0.0.1:${port}`;
  const aborted = connectGrpc({ url }, { signal: controller.signal });
  const timed = connectGrpc({ url, connectTimeoutMs: 300 });
  while (connecting() < before + 2) await tick(signal);
  controller.abort();
  await expect(aborted).rejects.toMatchObject({ code: 'cancelled' });
  while (connecting() > before + 1) await tick(signal);
  await expect(timed).rejects.toMatchObject({
    code: 'deadline_exceeded',
    message: expect.stringMatching(/^cannot reach 127\.0\.0\.1:\d+: no connection within 0\.3 s/),
  });
  while (connecting() > before) await tick(signal);
  expect(connecting()).toBe(before);
});

function connecting(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'ConnectWrap').length;
}

async function tick(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, 5));
}
