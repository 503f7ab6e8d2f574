import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrokerOptions } from 'ce-broker';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BrokerProcess, until } from '../../src/index.js';
import { type Check, ClientProgram, type RpcClient } from './client-program.js';
import { FrameTap } from './frame-tap.js';
import { Folder } from './tools-support.js';

const e2e = fileURLToPath(new URL('../..', import.meta.url));
const SETUP_MS = 900_000;
const RUN_MS = 120_000;
const GRACE_MS = 20_000;
const TOKEN = 'a-token-of-the-clients';
const SERVICE = 'io.cloudevents.v1.CloudEventService';
/** Room for the event's other fields below the limit of 4 MiB. */
const NEARLY_4_MIB = 4 * 1024 * 1024 - 1_024;

type Engine = NonNullable<BrokerOptions['rpcEngine']>;
type Transport = 'plain text' | 'TLS' | 'mTLS';

const named = process.env['CE_BROKER_RPC_ENGINE'];
const ENGINES: readonly Engine[] =
  named === undefined ? ['h2', 'grpc-js'] : [named === 'grpc-js' ? 'grpc-js' : 'h2'];

/** Path of what `interop/setup.mjs` makes for these clients. */
export function made(...path: readonly string[]): string {
  return join(e2e, '.cache', 'rpc-clients', ...path);
}

/** Path of the sources of these clients. */
export function source(...path: readonly string[]): string {
  return join(e2e, 'rpc-clients', ...path);
}

/** Every scenario of one client over both engines; over grpc-js, which others have proven, without those that take long. */
export function clientSuite(client: RpcClient): void {
  describe(`${client.name} as a client`, () => {
    beforeAll(async () => {
      const setup = spawn(process.execPath, [join(e2e, 'interop', 'setup.mjs'), client.part], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const [code] = await once(setup, 'exit');
      if (code !== 0) throw new Error(`${client.name} could not be made (see above)`);
    }, SETUP_MS);

    for (const engine of ENGINES) {
      for (const transport of ['plain text', 'TLS', 'mTLS'] as const)
        describe(`engine ${engine}, ${transport}`, () => whole(client, engine, transport));
      describe(`engine ${engine}, in trouble`, () => inTrouble(client, engine));
    }
  });
}

/** What a broker of one transport and engine does for a client. */
function whole(client: RpcClient, engine: Engine, transport: Transport): void {
  const folder = new Folder();
  const { ca } = folder.certificates();
  const file = (name: string): string => join(folder.path, name);
  const clientCa = transport === 'mTLS' ? { clientCa: ca } : {};
  const tls = { cert: file('server.crt'), key: file('server.key'), ...clientCa };
  const access = {
    'plain text': [],
    TLS: ['--ca', ca],
    mTLS: ['--ca', ca, '--cert', file('client.crt'), '--key', file('client.key')],
  }[transport];
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await BrokerProcess.start({
      options: {
        rpcEngine: engine,
        maxSubscriptionsPerConnection: 10_000,
        ...(transport === 'plain text' ? {} : { tls }),
      },
    });
  });
  afterAll(async () => {
    await broker?.kill();
    folder.remove();
  });

  const start = (scenario: string, ...flags: string[]): ClientProgram =>
    new ClientProgram(client, scenario, broker.grpc, [...access, '--cluster', scenario, ...flags]);
  const play = (scenario: string, ...flags: string[]): Promise<readonly Check[]> =>
    start(scenario, ...flags).result();

  test('health, reflection, and what the broker offers', async () => {
    expect(await play('services')).toEqual([
      { check: 'health', statuses: ['SERVING', 'SERVING'] },
      { check: 'reflection', services: expect.arrayContaining([SERVICE, 'ce_broker.v1.Broker']) },
      { check: 'describe', features: ['publish-stream', 'resume', 'watch'] },
    ]);
  });

  test('a subscription has headers before any event, and receives the bytes that were published', async () => {
    expect(await play('events', '--bytes', '5000')).toEqual(oneEvent('events', 5_000));
  });

  test('a stream on which both sides send answers every event', async () => {
    const { acknowledged: before } = (await broker.status()).counters;
    const answered = { acknowledged: 1_050, refused: 0, code: 'OK' };
    expect(await play('stream')).toEqual([{ check: 'stream', ...answered }]);
    expect((await broker.status()).counters.acknowledged - before).toBe(1_050);
  });

  test('a message of nearly 4 MiB passes, a larger one is RESOURCE_EXHAUSTED', async () => {
    expect(await play('large', '--bytes', `${NEARLY_4_MIB}`)).toEqual([
      ...oneEvent('large', NEARLY_4_MIB),
      { check: 'over', code: 'RESOURCE_EXHAUSTED' },
      { check: 'after', code: 'OK' },
    ]);
  });

  test('cancelled subscriptions leave the broker, and the connection goes on', async () => {
    const program = start('cancel');
    expect(await program.check('subscribed')).toMatchObject({ count: 10 });
    expect(await broker.sessions()).toBe(10);
    program.goOn();
    expect(await program.check('cancelled')).toMatchObject({ codes: { CANCELLED: 10 } });
    await until('they are gone', GRACE_MS, async () => (await broker.sessions()) === 0);
    expect((await broker.status()).connections.open).toBe(1);
    program.goOn();
    await program.result();
    expect(await program.check('after')).toMatchObject({ code: 'OK' });
  });

  // What comes below concerns gRPC, not what carries it.
  if (transport === 'mTLS') {
    test('without a certificate it does not get in, and the broker says so', async () => {
      const program = new ClientProgram(client, 'publish', broker.grpc, ['--ca', ca]);
      expect(await program.result()).toEqual([
        { check: 'published', code: expect.not.stringMatching(/^OK$/) },
      ]);
      const { handshakesFailed } = (await broker.status()).counters;
      expect(handshakesFailed).toMatchObject({ 'no-certificate': expect.any(Number) });
    });
  }
  if (transport !== 'plain text') return;

  test('a deadline ends a subscription that nobody feeds', async () => {
    expect(await play('deadline')).toEqual([
      { check: 'deadline', code: 'DEADLINE_EXCEEDED', early: false },
      { check: 'after', code: 'OK' },
    ]);
    await until('it has left the broker', GRACE_MS, async () => (await broker.sessions()) === 0);
  });

  test('is told what is wrong: unknown methods, bad events, bad subscriptions', async () => {
    expect(await play('errors')).toEqual([
      { check: 'method', code: 'UNIMPLEMENTED' },
      { check: 'service', code: 'UNIMPLEMENTED' },
      { check: 'type', code: 'INVALID_ARGUMENT', message: expect.stringContaining('"größe.ß"') },
      { check: 'subscription', code: 'INVALID_ARGUMENT' },
    ]);
  });

  test('gzip requests are read, within bounds', async () => {
    expect(await play('gzip', '--bytes', '200000')).toEqual([
      ...oneEvent('gzip', 200_000),
      { check: 'bomb', code: 'RESOURCE_EXHAUSTED' },
      { check: 'after', code: 'OK' },
    ]);
  });

  if (engine === 'grpc-js') return;

  test('2,000 subscriptions and 1,000 Publishes at a time on one connection', {
    timeout: RUN_MS,
  }, async () => {
    const program = start('many', '--count', '2000');
    await program.check('received');
    // A client opens another connection when the first may have no more streams.
    expect((await broker.status()).connections.open).toBe(1);
    expect(await program.result()).toEqual([
      { check: 'subscribed', count: 2_000 },
      { check: 'received', count: 2_000 },
      { check: 'published', codes: { OK: 2_000 } },
    ]);
    await until('they have left the broker', GRACE_MS, async () => (await broker.sessions()) === 0);
  });

  test('every byte in a TCP segment of its own', { timeout: RUN_MS }, async () => {
    const tap = await FrameTap.before(broker.grpc, { byteByByte: true });
    try {
      const flags = ['--cluster', 'bytes', '--bytes', '5000'];
      const program = new ClientProgram(client, 'events', tap.address, flags);
      expect(await program.result()).toEqual(oneEvent('bytes', 5_000));
      expect(await new ClientProgram(client, 'errors', tap.address, flags).result()).toHaveLength(4);
    } finally {
      await tap.close();
    }
  });

  test('keepalive pings are answered, and tell of a broker that has vanished', {
    timeout: RUN_MS,
  }, async () => {
    const tap = await FrameTap.before(broker.grpc);
    const distance = Math.max(client.shortestPingsMs, 5_000);
    const flags = ['--cluster', 'keepalive', '--interval-ms', `${distance}`];
    const program = new ClientProgram(client, 'keepalive', tap.address, flags);
    try {
      await program.check('subscribed');
      await until('a ping is answered', RUN_MS, () => tap.pings.asked > 1 && tap.pings.answered > 1);
      program.goOn();
      expect(await program.check('received')).toMatchObject({ bytes: 2 });
      tap.silence();
      expect(client.lost).toContain((await program.check('ended'))['code']);
    } finally {
      await program.kill();
      await tap.close();
    }
  });
}

/** Brokers that are no use to another test. */
function inTrouble(client: RpcClient, engine: Engine): void {
  const folder = new Folder();
  let broker: BrokerProcess | undefined;

  afterEach(() => broker?.kill());
  afterAll(() => folder.remove());

  test('metadata reaches the broker, binary values and long ones too', async () => {
    const { ca } = folder.certificates();
    const tls = { cert: join(folder.path, 'server.crt'), key: join(folder.path, 'server.key') };
    const tokenFile = folder.write('tokens.csv', `${TOKEN},fleet,1\n`);
    broker = await BrokerProcess.start({ options: { rpcEngine: engine, tls, tokenFile } });
    const program = new ClientProgram(client, 'metadata', broker.grpc, ['--ca', ca, '--token', TOKEN]);
    expect(await program.result()).toEqual([
      { check: 'anonymous', code: 'UNAUTHENTICATED', message: expect.stringMatching(/\w/) },
      { check: 'known', code: 'OK' },
    ]);
  });

  test('calls under load are answered or fail when the broker goes, and none hangs', {
    timeout: RUN_MS,
  }, async () => {
    broker = await BrokerProcess.start({ options: { rpcEngine: engine } });
    const program = new ClientProgram(client, 'load', broker.grpc, []);
    await program.check('running');
    const { ended } = await broker.stop();
    await program.result();
    const { calls, subscriptions, streams } = await program.check('over');
    const { OK: answered, ...gone } = counts(calls);
    expect(answered).toBeGreaterThanOrEqual(200);
    expect(total(gone, client.lost)).toBe(64);
    // The engine h2 tells streams why they end before it closes; that of grpc-js has not always the time.
    const ends = engine === 'h2' ? ['UNAVAILABLE'] : client.lost;
    expect(total(counts(subscriptions), ends)).toBe(16);
    expect(total(counts(streams), ends)).toBe(4);
    expect(ended).toBe(0);
  });

  if (engine === 'grpc-js') return;

  test('calls notice nothing of connections that come of age', { timeout: RUN_MS }, async () => {
    broker = await BrokerProcess.start({
      options: { rpcEngine: engine, http2: { maxConnectionAgeMs: 2_000 } },
    });
    const tap = await FrameTap.before(broker.grpc);
    const program = new ClientProgram(client, 'aging', tap.address, []);
    try {
      await until('its third connection is there', GRACE_MS, () => tap.connections >= 3);
      program.goOn();
      await program.result();
      const { OK: answered, ...failed } = counts((await program.check('published'))['codes']);
      expect(answered).toBeGreaterThan(0);
      if (client.movesOn) expect(failed).toEqual({});
      else total(failed, client.lost);
    } finally {
      await program.kill();
      await tap.close();
    }
  });

  if (client.shortestPingsMs >= 5_000) return;

  test('pings more often than is allowed end the connection', { timeout: RUN_MS }, async () => {
    broker = await BrokerProcess.start({ args: ['--rpc-engine', engine] });
    const flags = ['--interval-ms', `${client.shortestPingsMs}`];
    const program = new ClientProgram(client, 'pings', broker.grpc, flags);
    await program.result();
    expect(client.lost).toContain((await program.check('ended'))['code']);
    expect(broker.log).toContain('keepalive-pings');
  });
}

function counts(told: unknown): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(told ?? {}).map(([code, count]) => [code, Number(count)]));
}

/** How many ended with one of these codes; none may have ended with another. */
function total(seen: Readonly<Record<string, number>>, codes: readonly string[]): number {
  expect(codes).toEqual(expect.arrayContaining(Object.keys(seen)));
  return Object.values(seen).reduce((sum, count) => sum + count, 0);
}

/** What the program says of one event that passes. */
function oneEvent(cluster: string, bytes: number): readonly unknown[] {
  const data = Uint8Array.from({ length: bytes }, (_, i) => 31 * i + (i >> 8));
  const sha256 = createHash('sha256').update(data).digest('hex');
  return [
    { check: 'headers', ids: [expect.stringMatching(/^[0-9a-f-]{36}$/)] },
    { check: 'published', code: 'OK' },
    { check: 'received', id: `${cluster}-event`, bytes, sha256 },
  ];
}
