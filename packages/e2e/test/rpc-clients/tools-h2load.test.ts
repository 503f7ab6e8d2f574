import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CountingBroker,
  Folder,
  prepare,
  publishFrame,
  RUN_MS,
  run,
  SERVICE,
  SETUP_MS,
} from './tools-support.js';

beforeAll(() => prepare('h2load'), SETUP_MS);

describe.each([
  ['plain text', false],
  ['TLS', true],
])('h2load over %s', (_title, secure) => {
  const folder = new Folder();
  let broker: CountingBroker;
  let small: string;
  let large: string;

  beforeAll(async () => {
    small = folder.write('small.bin', publishFrame('small', 1_000));
    large = folder.write('large.bin', publishFrame('large', 200 * 1024));
    broker = await CountingBroker.start(secure ? folder.certificates().server : []);
  });
  afterAll(async () => {
    await broker?.process.kill();
    folder.remove();
  });

  /** `streams` at a time on each of so many connections; all must be answered, and counted by the broker too. */
  const load = async (
    count: number,
    connections: number,
    streams: number,
    file: string,
    ...more: string[]
  ) => {
    await broker.counted();
    const output = await run('h2load', [
      ...['-n', String(count), '-c', String(connections), '-m', String(streams), '-d', file],
      ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', ...more],
      `${secure ? 'https' : 'http'}://${broker.grpc}/${SERVICE}/Publish`,
    ]);
    expect(output).toContain(
      `requests: ${count} total, ${count} started, ${count} done, ${count} succeeded, 0 failed, 0 errored, 0 timeout`,
    );
    expect(output).toContain(`status codes: ${count} 2xx, 0 3xx, 0 4xx, 0 5xx`);
    // HTTP says 200 of a refusal too: what came of the calls only the broker knows.
    expect(await broker.counted()).toEqual({ acknowledged: count, refused: 0 });
  };

  test('1 connection x 128 streams', { timeout: RUN_MS }, () => load(20_000, 1, 128, small));
  test('50 connections x 4 streams', { timeout: RUN_MS }, () => load(20_000, 50, 4, small));
  test('1 connection x 5,000 streams', { timeout: RUN_MS }, () => load(20_000, 1, 5_000, small));
  test('200 KiB on 8 connections x 16 streams', { timeout: RUN_MS }, () => load(1_000, 8, 16, large));
  test('without a dynamic table, and with small windows', { timeout: RUN_MS }, () =>
    load(
      5_000,
      4,
      100,
      small,
      '--header-table-size=0',
      '--encoder-header-table-size=0',
      '-w',
      '10',
      '-W',
      '12',
    ),
  );
});
