import { getEventListeners } from 'node:events';
import { transportAgentOptions } from 'ce-broker-client';
import { type CloudEventTransport, encodeEvent, type TransportListener } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  encodePart,
  eventCodec,
  hubAt,
  Inbox,
  makeAgent,
  PARTS,
  part,
  ScriptedServer,
  StatusLog,
  TOOLS,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

describe('a client of several data types', () => {
  const codecs = [eventCodec(PARTS), eventCodec(TOOLS)];

  test('has a subscription for each; when one of them ends, all come back, and it is told once', async () => {
    const inbox = new Inbox();
    await using agent = await agentAt(server.address, { codecs });
    const log = new StatusLog(agent);
    const reconnected = agent.reconnected[Symbol.asyncIterator]();
    await agent.subscribe(inbox.take);
    const dataTypes = () => server.openSubscriptions.map(({ request }) => request.dataType).toSorted();
    expect(dataTypes()).toEqual([String(PARTS), String(TOOLS)]);
    server.subscriptions[1]?.end(14, 'again');
    await reconnected.next();
    expect(dataTypes()).toEqual([String(PARTS), String(TOOLS)]);
    expect(server.subscriptions).toHaveLength(4);
    for (const line of server.openSubscriptions) {
      const dataType = line.request.dataType === String(PARTS) ? PARTS : TOOLS;
      line.send(
        encodePart('hub', typeOf('spec', 'update_request', dataType), part(line.request.dataType, 1)),
      );
    }
    await until('both are heard', 5_000, () => inbox.all.length === 2);
    expect(log.count('disconnected')).toBe(1);
    expect(log.count('subscribed')).toBe(2);
  });

  test('is subscribed when the last of them stands', async () => {
    server.script = {
      subscribe: (line) => {
        if (line.request.dataType === String(PARTS)) line.accept();
      },
    };
    await using agent = await agentAt(server.address, { codecs });
    const log = new StatusLog(agent);
    const subscribed = agent.subscribe(() => undefined);
    await until('both are asked for', 5_000, () => server.subscriptions.length === 2);
    await agent.publish(typeOf('status'), part('a', 1));
    expect(log.count('subscribed')).toBe(0);
    server.subscriptions.find(({ request }) => request.dataType === String(TOOLS))?.accept();
    await subscribed;
  });
});

test('a handler may close its own client, and wait for that', async () => {
  const agent = await agentAt(server.address);
  let closed = false;
  await agent.subscribe(async () => {
    await agent.close();
    closed = true;
  });
  server.last.send(encodePart('hub', typeOf('spec'), part('a', 1)));
  await until('it is closed', 5_000, () => closed);
});

test('a handler may publish, ask, and wait for what it published', async () => {
  const done: string[] = [];
  await using agent = await agentAt(server.address);
  await agent.subscribe(async (_, resource) => {
    await agent.publish(typeOf('status'), resource);
    await agent.resync();
    done.push(resource.uid);
  });
  for (const uid of ['a', 'b', 'c']) server.last.send(encodePart('hub', typeOf('spec'), part(uid, 1)));
  await until('all', 5_000, () => done.length === 3);
  expect(server.published).toHaveLength(6);
});

test('one signal for any number of calls: no warning, and no listener stays', async () => {
  const warnings: string[] = [];
  const warned = (warning: Error) => void warnings.push(warning.message);
  process.on('warning', warned);
  const stopping = new AbortController();
  const { signal } = stopping;
  await using source = await hubAt(server.address);
  await source.ready({ signal });
  await source.subscribe(() => undefined);
  await Promise.all(
    Array.from({ length: 300 }, (_, index) => source.publish(typeOf('spec'), part('a', index), { signal })),
  );
  await source.resync('', { signal });
  const waits = Array.from({ length: 50 }, () => source.waitFor('a', () => true, { signal }));
  server.last.send(encodePart('c1-agent', typeOf('status'), part('a', 1)));
  await Promise.all(waits);
  await new Promise(setImmediate);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  process.off('warning', warned);
  expect(warnings).toEqual([]);
});

test('a hundred losses leave no listener, stream, or connection behind', async () => {
  const agent = await agentAt(server.address, { reconnectDelay: () => 0 });
  const log = new StatusLog(agent);
  const reconnected = agent.reconnected[Symbol.asyncIterator]();
  await agent.subscribe(() => undefined);
  for (let loss = 0; loss < 100; loss += 1) {
    if (loss % 2 === 0) server.last.end(13, 'oh');
    else server.reset();
    await reconnected.next();
  }
  await until(
    'one of each',
    5_000,
    () => server.openConnections === 1 && server.openSubscriptions.length === 1,
  );
  expect(log.count('disconnected')).toBe(100);
  await agent.close();
  await until('none', 5_000, () => server.openConnections === 0);
});

test('a transport that is to be renewed while it subscribes is replaced at once', async () => {
  let opened = 0;
  const listeners: TransportListener[] = [];
  const open = (): CloudEventTransport => {
    opened += 1;
    const first = opened === 1;
    let renew: () => void = () => undefined;
    return {
      publish: async () => undefined,
      subscribe: async (_, listener) => {
        if (first) {
          renew();
          return new Promise(() => undefined);
        }
        listeners.push(listener);
        return {
          id: 'second',
          pause: () => undefined,
          resume: () => undefined,
          close: async () => undefined,
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
      onEnd: (listener) => {
        renew = () => listener({ kind: 'renew', error: new Error('another certificate') as never });
      },
      close: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
  const inbox = new Inbox();
  await using agent = await makeAgent(transportAgentOptions(open, 'c1', 'c1-agent'), {
    reconnectDelay: () => 60_000,
  });
  const log = new StatusLog(agent);
  await agent.subscribe(inbox.take);
  listeners[0]?.event(encodeEvent(encodePart('hub', typeOf('spec'), part('a', 1))));
  await until('it hears', 5_000, () => inbox.all.length === 1);
  expect({ opened, lost: log.count('disconnected') }).toEqual({ opened: 2, lost: 0 });
});
