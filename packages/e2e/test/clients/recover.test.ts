import { constants } from 'node:http2';
import { grpcAgentOptions } from 'ce-broker-client';
import { createEvent, Extension, encodeEvent } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  type Changes,
  encodePart,
  Inbox,
  makeAgent,
  part,
  RECONNECT_MS,
  ScriptedServer,
  type ScriptedSubscription,
  StatusLog,
  typeOf,
} from '../../src/client-support/index.js';
import { Cable, until } from '../../src/index.js';

const SPEC = typeOf('spec');
const SHORT_MS = 15_000;

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

/** A subscribed agent, and what it heard. */
async function subscribed(changes: Changes = {}, address = server.address) {
  const inbox = new Inbox();
  const agent = await agentAt(address, changes);
  const log = new StatusLog(agent);
  const reconnected = agent.reconnected[Symbol.asyncIterator]();
  await agent.subscribe(inbox.take);
  return { agent, inbox, log, reconnected };
}

/** The agent hears again, by a subscription that is the only one. */
async function hears(inbox: Inbox, uid: string): Promise<void> {
  server.last.send(encodePart('hub', SPEC, part(uid, 1)));
  await until(`${uid} is heard`, 5_000, () => inbox.lines.includes(`ADDED ${uid} 1`));
  await until('nothing of the old is left', 5_000, () => server.openSubscriptions.length === 1);
  expect(server.openConnections).toBe(1);
}

function every(ms: number, run: () => void): Disposable {
  const timer = setInterval(run, ms);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function bigMessage(): Buffer {
  const bytes = encodeEvent(encodePart('hub', SPEC, part('big', 1, { spec: 'x'.repeat(4 * 1024 * 1024) })));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;
const { NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

describe('however a subscription ends, the client is back, says so, and hears again', () => {
  const endings: Record<string, (line: ScriptedSubscription) => void> = {
    'status CANCELLED': (line) => line.end(1, 'CANCELLED'),
    'RST_STREAM(CANCEL)': (line) => line.rst(NGHTTP2_CANCEL),
    'status OK': (line) => line.end(0, ''),
    'status UNKNOWN': (line) => line.end(2, 'who knows'),
    'status DEADLINE_EXCEEDED': (line) => line.end(4, 'too late'),
    'status PERMISSION_DENIED': (line) => line.end(7, 'not you'),
    'status RESOURCE_EXHAUSTED': (line) => line.end(8, 'too slow'),
    'status UNIMPLEMENTED': (line) => line.end(12, 'no more'),
    'status INTERNAL': (line) => line.end(13, 'oh'),
    'status UNAVAILABLE': (line) => line.end(14, 'come again'),
    'status UNAUTHENTICATED': (line) => line.end(16, 'the token has expired'),
    'an unknown status': (line) => line.end(99, 'from the future'),
    'no status': (line) => void line.stream.end(),
    'RST_STREAM(NO_ERROR)': (line) => line.rst(NGHTTP2_NO_ERROR),
    'RST_STREAM(PROTOCOL_ERROR)': (line) => line.rst(NGHTTP2_PROTOCOL_ERROR),
    'RST_STREAM(INTERNAL_ERROR)': (line) => line.rst(NGHTTP2_INTERNAL_ERROR),
    'RST_STREAM(REFUSED_STREAM)': (line) => line.rst(NGHTTP2_REFUSED_STREAM),
    'RST_STREAM(ENHANCE_YOUR_CALM)': (line) => line.rst(NGHTTP2_ENHANCE_YOUR_CALM),
    'a message over 4 MiB': (line) => line.bytes(bigMessage()),
    'a compressed message that is none': (line) => line.bytes(Buffer.from([1, 0, 0, 0, 3, 1, 2, 3])),
    'a message that is cut off': (line) => {
      line.bytes(Buffer.from([0, 0, 0, 0, 200, 1, 2, 3]));
      line.end(0, '');
    },
    'GOAWAY(NO_ERROR)': () => server.goAway(),
    'GOAWAY(INTERNAL_ERROR)': () => server.goAway(NGHTTP2_INTERNAL_ERROR),
    'GOAWAY(ENHANCE_YOUR_CALM)': () => server.goAway(NGHTTP2_ENHANCE_YOUR_CALM),
    'a connection that is reset': () => server.reset(),
    'a connection that is closed': (line) => line.stream.session?.destroy(),
  };

  test.each(Object.keys(endings))('%s', { timeout: SHORT_MS }, async (name) => {
    const { agent, inbox, log, reconnected } = await subscribed();
    endings[name]?.(server.last);
    expect(await reconnected.next()).toEqual({ done: false, value: undefined });
    expect(server.subscriptions).toHaveLength(2);
    await hears(inbox, 'after');
    await agent.publish(typeOf('status'), part('a', 1));
    expect(log.count('disconnected')).toBe(1);
    await agent.close();
  });

  test('garbage instead of an event is dropped and told of; the stream goes on', async () => {
    const { agent, inbox, log } = await subscribed();
    server.last.bytes(Buffer.from([0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]));
    server.last.bytes(Buffer.from([0, 0, 0, 0, 0]));
    const extensions = [[Extension.resourceId, { kind: 'string', value: 'a' }]] as const;
    server.last.send(createEvent({ id: '1', source: 'hub', type: 'not.a.type', extensions }));
    server.last.send(createEvent({ id: ' ', source: 'hub', type: String(SPEC), extensions }));
    await hears(inbox, 'after');
    expect(log.count('event-dropped')).toBe(4);
    expect(log.errors('event-dropped').slice(1)).toMatchInlineSnapshot(`
      [
        "invalid_argument: attributes: an event needs at least one attribute, or receivers cannot tell its encoding",
        "invalid_argument: type "not.a.type" has 3 parts; it must have at least five dot-separated parts: <group>.<version>.<resource>.<spec|status>.<action>",
        "invalid_argument: id: blank",
      ]
    `);
    expect(server.subscriptions).toHaveLength(1);
    await agent.close();
  });
});

describe('a subscription that is refused', () => {
  test('once, before its headers: the next attempt stands, and subscribe resolves', async () => {
    server.script = {
      subscribe: (line) =>
        server.subscriptions.length === 1 ? line.refuse(14, 'starting up') : line.accept(),
    };
    const { agent, inbox, log } = await subscribed();
    expect(log.errors('disconnected')).toEqual(['unavailable: starting up']);
    await hears(inbox, 'after');
    await agent.close();
  });

  test.each([
    [16, 'unauthenticated'],
    [7, 'permission_denied'],
    [12, 'unimplemented'],
    [3, 'invalid_argument'],
  ])(
    'for ever, with status %i: subscribe rejects and says so, while the attempts go on, until one is let in',
    async (status, code) => {
      server.script = { subscribe: (line) => line.refuse(status, 'not with that token') };
      await using agent = await agentAt(server.address);
      const log = new StatusLog(agent);
      const inbox = new Inbox();
      const refusal = await agent.subscribe(inbox.take).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).toMatchObject({ code });
      expect(String(refusal)).toContain('not with that token');
      await until('it goes on', 5_000, () => log.count('disconnected') > 3);
      const ready = agent.ready();
      server.script = {};
      await ready;
      await hears(inbox, 'after');
    },
  );
});

describe('a server that is away', () => {
  test('for longer than the first waits: the client comes back by itself', async () => {
    const { agent, inbox, log, reconnected } = await subscribed();
    await server.stop();
    await until('it has tried for a while', 10_000, () => log.count('disconnected') > 10);
    expect(
      await Promise.race([
        reconnected.next().then(() => 'signal'),
        agent.publish(typeOf('status'), part('a', 1)).catch((error) => error.code),
      ]),
    ).toBe('unavailable');
    await server.listen();
    await agent.ready();
    await hears(inbox, 'after');
    await agent.close();
  });

  test('from the start: create is no failure, ready waits for it, subscribe too', async () => {
    await server.stop();
    const agent = await agentAt(server.address);
    const log = new StatusLog(agent);
    const inbox = new Inbox();
    const subscription = agent.subscribe(inbox.take);
    await until('it has tried', 5_000, () => log.count('disconnected') > 2);
    await server.listen();
    await subscription;
    await hears(inbox, 'after');
    await agent.close();
  });

  test('each client has a backoff of its own: six of them do not slow each other down', async () => {
    await server.stop();
    const clients = await Promise.all(
      Array.from({ length: 6 }, () => agentAt(server.address, { reconnectDelay: undefined })),
    );
    const logs = clients.map((client) => new StatusLog(client));
    await until('each has failed once', 5_000, () => logs.every((log) => log.count('disconnected') > 0));
    for (const log of logs) {
      const first = log.all.find((status) => status.type === 'disconnected');
      expect(first?.type === 'disconnected' && first.retryInMs).toBeLessThanOrEqual(2_000);
    }
    await Promise.all(clients.map((client) => client.close()));
  });
});

describe('a network that swallows everything', () => {
  let cable: Cable;
  beforeEach(async () => {
    cable = await Cable.lay(() => server.address);
  });
  afterEach(() => cable.close());

  test('is noticed by the missing heartbeats', { timeout: SHORT_MS }, async () => {
    using _ = every(50, () => {
      for (const line of server.openSubscriptions) line.heartbeat();
    });
    const options = grpcAgentOptions(
      { url: cable.address, serverHealthinessTimeoutMs: 400, keepAliveConfig: { enable: false } },
      'c1',
      'c1-agent',
    );
    const inbox = new Inbox();
    await using agent = await makeAgent(options);
    const log = new StatusLog(agent);
    const reconnected = agent.reconnected[Symbol.asyncIterator]();
    await agent.subscribe(inbox.take);
    cable.swallow();
    await until('it is noticed', 10_000, () => log.count('disconnected') > 0);
    expect(log.errors('disconnected')[0]).toMatch(
      /^unavailable: .* has sent no heartbeat for 0\.4 s: the subscription is taken for lost$/,
    );
    cable.mend();
    await reconnected.next();
    server.last.send(encodePart('hub', SPEC, part('after', 1)));
    await until('it hears', 5_000, () => inbox.lines.includes('ADDED after 1'));
  });

  test('is noticed by a ping that is not answered', { timeout: 40_000 }, async () => {
    const options = grpcAgentOptions(
      { url: cable.address, keepAliveConfig: { timeMs: 10_000, timeoutMs: 500 } },
      'c1',
      'c1-agent',
    );
    await using agent = await makeAgent(options);
    const log = new StatusLog(agent);
    const reconnected = agent.reconnected[Symbol.asyncIterator]();
    await agent.subscribe(() => undefined);
    cable.swallow();
    await until('it is noticed', 30_000, () => log.count('disconnected') > 0);
    cable.mend();
    await reconnected.next();
  });
});

describe('a server that is odd', () => {
  test('headers that come late keep no publish waiting', async () => {
    server.script = { subscribe: () => undefined };
    await using agent = await agentAt(server.address);
    const subscription = agent.subscribe(() => undefined);
    await until('it has asked', 5_000, () => server.subscriptions.length === 1);
    for (let each = 0; each < 20; each += 1) await agent.publish(typeOf('status'), part('a', each));
    server.last.accept();
    await subscription;
  });

  test('headers that never come: the attempt ends by its time, nothing of it is left, and the next one stands', async () => {
    server.script = { subscribe: (line) => (server.subscriptions.length > 1 ? line.accept() : undefined) };
    const { agent, inbox, log } = await subscribed({ connectTimeoutMs: 300 });
    expect(log.errors('disconnected')[0]).toMatch(
      /^deadline_exceeded: .* did not open the subscription within 300 ms$/,
    );
    await hears(inbox, 'after');
    await agent.close();
  });

  test.each([
    ['no value', []],
    ['two values', ['one', 'two']],
  ])('%s of subscription-id: it subscribes once, and leaves no stream behind', async (_, ids) => {
    server.script = { subscribe: (line) => void line.accept(ids) };
    const { agent, inbox, log } = await subscribed();
    await hears(inbox, 'first');
    server.last.end(14, 'again');
    await until('it is back', 5_000, () => log.count('subscribed') === 2);
    await hears(inbox, 'second');
    expect(server.subscriptions).toHaveLength(2);
    await agent.close();
    await until('all streams are gone', 5_000, () => server.openSubscriptions.length === 0);
  });

  test('reconnected comes when the subscription stands, not when the connection does', async () => {
    const { agent, log, reconnected } = await subscribed();
    server.script = { subscribe: () => undefined };
    const signal = reconnected.next().then(() => 'signal');
    server.last.end(14, 'again');
    await until('it has connected and asked', 5_000, () => server.subscriptions.length === 2);
    await agent.publish(typeOf('status'), part('a', 1));
    expect(log.count('connected')).toBe(2);
    const turn = new Promise((resolve) => setImmediate(() => resolve('no signal')));
    expect(await Promise.race([signal, turn])).toBe('no signal');
    server.last.accept();
    expect(await signal).toBe('signal');
    await agent.close();
  });

  test('a resync in answer to reconnected is never too early: the answers arrive', async () => {
    const { agent, inbox, reconnected } = await subscribed();
    server.script = {
      publish: (call) => {
        call.ok();
        server.last.send(encodePart('hub', SPEC, part(`answer-${server.published.length}`, 1)));
      },
    };
    for (let loss = 1; loss <= 10; loss += 1) {
      server.reset();
      await reconnected.next();
      await agent.resync();
      await until('the answer', 5_000, () => inbox.all.length === loss);
    }
    await agent.close();
  });

  test('a resync that is asked for while the client connects waits for the subscription', async () => {
    const { agent, inbox, log, reconnected } = await subscribed();
    server.script = { subscribe: () => undefined };
    server.reset();
    await until('it has asked again', 5_000, () => server.subscriptions.length === 2);
    const asked = agent.resync();
    await agent.publish(typeOf('status'), part('a', 1));
    expect(server.published.map(({ type }) => type)).toEqual([String(typeOf('status'))]);
    server.last.accept();
    await asked;
    await reconnected.next();
    await hears(inbox, 'answer');
    expect(log.count('resync-failed')).toBe(0);
    await agent.close();
  });

  test('no heartbeats at all are no reason to reconnect', async () => {
    const { agent, log } = await subscribed();
    for (let each = 0; each < 50; each += 1) await agent.publish(typeOf('status'), part('a', each));
    expect(log.types.filter((type) => type !== 'connecting' && type !== 'connected')).toEqual(['subscribed']);
    await agent.close();
  });

  test('a backoff that fails or makes no sense does not end the client, nor let it spin', async () => {
    const answers = [
      () => Number.NaN,
      () => {
        throw new Error('no idea');
      },
      () => RECONNECT_MS,
    ];
    const { agent, inbox, log, reconnected } = await subscribed({
      reconnectDelay: () => (answers.shift() ?? (() => RECONNECT_MS))(),
    });
    await server.stop();
    await until('it has tried', 20_000, () => log.count('disconnected') >= 3);
    for (const status of log.all) {
      if (status.type === 'disconnected') expect(status.retryInMs).toBeGreaterThanOrEqual(RECONNECT_MS);
    }
    await server.listen();
    await reconnected.next();
    await hears(inbox, 'after');
    await agent.close();
  });

  test('a logger that throws does not end the client', async () => {
    const fail = () => {
      throw new Error('the disk is full');
    };
    const { agent, inbox, reconnected } = await subscribed({
      logger: { debug: fail, info: fail, warn: fail, error: fail },
    });
    server.last.end(14, 'again');
    await reconnected.next();
    await hears(inbox, 'after');
    await agent.close();
  });
});
