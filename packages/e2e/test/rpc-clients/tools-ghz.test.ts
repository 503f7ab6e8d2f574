import { encodePublishRequest } from 'ce-broker-proto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../src/index.js';
import {
  CountingBroker,
  Folder,
  prepare,
  publishRequest,
  RUN_MS,
  run,
  SERVICE,
  SETUP_MS,
  WIDGETS,
  widget,
} from './tools-support.js';

const PUBLISH = `${SERVICE}.Publish`;

interface Report {
  readonly count: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
  readonly errorDistribution: Readonly<Record<string, number>>;
}

beforeAll(() => prepare('ghz'), SETUP_MS);

describe.each([
  ['plain text', false],
  ['mTLS', true],
])('ghz over %s', (_title, secure) => {
  const folder = new Folder();
  let broker: CountingBroker;
  let access: readonly string[] = ['--insecure'];
  let small: string;
  let large: string;

  beforeAll(async () => {
    small = folder.write('small.bin', publishRequest('small', 1_000));
    large = folder.write('large.bin', publishRequest('large', 200 * 1024));
    const { ca, server, client } = folder.certificates();
    if (secure) access = ['--cacert', ca, '--cert', client[0], '--key', client[1]];
    // A heartbeat would count as a message too.
    const flags = ['--heartbeat-interval', '1m'];
    broker = await CountingBroker.start(secure ? [...flags, ...server, '--client-ca', ca] : flags);
  });
  afterAll(async () => {
    await broker?.process.kill();
    folder.remove();
  });

  const ghz = async (call: string, ...args: string[]): Promise<Report> => {
    const all = [...access, '--call', call, ...args, '-t', '30s', '-O', 'json', broker.grpc];
    const report: Report = JSON.parse(await run('ghz', all));
    return report;
  };

  /** Publishes, and holds the tool's count against the broker's. */
  const publish = async (count: number, ...args: string[]): Promise<void> => {
    await broker.counted();
    const report = await ghz(PUBLISH, '-n', String(count), ...args);
    expect(report.errorDistribution).toEqual({});
    expect(report.statusCodeDistribution).toEqual({ OK: count });
    expect(await broker.counted()).toEqual({ acknowledged: count, refused: 0 });
  };

  test('one call at a time on one connection', { timeout: RUN_MS }, () =>
    publish(500, '-B', small, '-c', '1', '--connections', '1'),
  );

  test('200 in flight on one connection', { timeout: RUN_MS }, () =>
    publish(5_000, '-B', small, '-c', '200', '--connections', '1'),
  );

  test('200 in flight on 50 connections', { timeout: RUN_MS }, () =>
    publish(5_000, '-B', small, '-c', '200', '--connections', '50'),
  );

  test('messages of 200 KiB, four times the window of a stream', { timeout: RUN_MS }, async () => {
    await publish(200, '-B', large, '-c', '8', '--connections', '1');
    await publish(400, '-B', large, '-c', '50', '--connections', '50');
  });

  test('messages that gzip has made small', { timeout: RUN_MS }, () =>
    publish(300, '-B', large, '-c', '20', '--connections', '4', '--enable-compression'),
  );

  test('streams on which both sides send', { timeout: RUN_MS }, async () => {
    const batches = Array.from({ length: 50 }, (_, index) => ({
      events: [1, 2].map((version) => widget(`batch-${index}`, 500, version).toString('base64')),
      first_sequence: 2 * index + 1,
    }));
    const data = folder.write('batches.json', JSON.stringify(batches));
    // A connection may have eight of these streams.
    const load = ['-n', '40', '-c', '20', '--connections', '4'];
    await broker.counted();
    const report = await ghz('ce_broker.v1.Broker.PublishStream', '-D', data, ...load);
    expect(report.errorDistribution).toEqual({});
    expect(report.statusCodeDistribution).toEqual({ OK: 40 });
    expect(await broker.counted()).toEqual({ acknowledged: 40 * 50 * 2, refused: 0 });

    const asked = '{"list_services":"all"}';
    const reflection = 'grpc.reflection.v1.ServerReflection.ServerReflectionInfo';
    const many = ['-n', '100', '-c', '20', '--stream-call-count', '10'];
    const reflected = await ghz(reflection, '-d', asked, ...many);
    expect(reflected.statusCodeDistribution).toEqual({ OK: 100 });
  });

  test('1,000 subscriptions on a connection, which is as many as it may have: each takes its event and goes', {
    timeout: RUN_MS,
  }, async () => {
    const streams = 3_000;
    const asked = JSON.stringify({ cluster_name: 'fan', data_type: WIDGETS });
    const subscribe = [
      '-n',
      `${streams}`,
      '-c',
      `${streams}`,
      '--connections',
      '3',
      '--stream-call-count',
      '1',
    ];
    const subscribing = ghz(`${SERVICE}.Subscribe`, '-d', asked, ...subscribe);
    // All of them stand before the event that ends them is sent.
    const stand = async (): Promise<boolean> => (await broker.process.sessions()) === streams;
    await Promise.race([
      until('all are subscribed', RUN_MS, stand),
      subscribing.then((report) => Promise.reject(new Error(`they ended: ${JSON.stringify(report)}`))),
    ]);
    const event = folder.write('fan.bin', encodePublishRequest(widget('fan', 1_000, 1, 'fan')));
    await ghz(PUBLISH, '-n', '1', '-c', '1', '-B', event);
    const report = await subscribing;
    expect(report.count).toBe(streams);
    // Whoever has counted its messages cancels the stream: ghz's own word, not the broker's.
    expect(report.statusCodeDistribution).toEqual({ Canceled: streams });
    expect(report.errorDistribution).toEqual({
      'rpc error: code = Canceled desc = context canceled': streams,
    });
    const { counters } = await broker.process.status();
    expect(counters.sent).toBeGreaterThanOrEqual(streams);
    expect(counters.dropped).toEqual({});
  });
});
