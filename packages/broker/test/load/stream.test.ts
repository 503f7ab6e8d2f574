import { expect, test } from 'vitest';
import { runLoad } from '../../src/cli/load/run.js';
import { Running } from '../server/support/running.js';
import { startRelay } from './relay.js';

/** A finite run: everything that is sent must be answered and delivered. */
const finite = { seconds: 20, warmUpSeconds: 0, connectTimeoutMs: 5_000 };

test.each([1, 7])(
  'every event of a finite run over streams is acknowledged and delivered, %i a message',
  async (batch) => {
    await using running = await Running.start();
    const report = await runLoad({
      ...finite,
      server: `127.0.0.1:${running.port}`,
      stream: true,
      batch,
      events: 500,
      publishers: 2,
      inFlight: 64,
      resources: 1_000,
    });
    expect(report.totals).toMatchObject({
      sent: 500,
      acked: 500,
      delivered: 500,
      unanswered: 0,
      reconnects: 0,
    });
    expect(report.errors).toEqual({});
    expect(report.ackLatency.count).toBe(500);
  },
);

test('messages larger than a frame and than the flow-control window go over a stream whole', async () => {
  await using running = await Running.start();
  const report = await runLoad({
    ...finite,
    server: `127.0.0.1:${running.port}`,
    stream: true,
    batch: 4,
    events: 42,
    inFlight: 8,
    payloadBytes: 100_000,
  });
  expect(report.totals).toMatchObject({ sent: 42, acked: 42, delivered: 42 });
  expect(report.errors).toEqual({});
});

test('a stream that the server does not offer ends the run at its start, with the reason', async () => {
  await using relay = await startRelay();
  const run = runLoad({ ...finite, server: relay.address, stream: true, events: 5 });
  await expect(run).rejects.toMatchObject({ code: 'unavailable' });
  await expect(run).rejects.toThrow(/cannot publish over \/ce_broker.v1.Broker\/PublishStream/);
});

test('batches are for streams, and no larger than what may be in flight', async () => {
  const server = '127.0.0.1:1';
  await expect(runLoad({ server, batch: 2 })).rejects.toMatchObject({
    code: 'invalid_option',
    field: 'batch',
  });
  await expect(runLoad({ server, stream: true, batch: 9, inFlight: 8 })).rejects.toMatchObject({
    field: 'batch',
  });
});

test('a stream that the server ends has failed with what it had in flight, under the status that it ended with', async () => {
  await using running = await Running.start({ maxMessageBytes: 64 * 1024 });
  const report = await runLoad({
    ...finite,
    server: `127.0.0.1:${running.port}`,
    stream: true,
    batch: 2,
    events: 2,
    payloadBytes: 60_000,
  });
  expect(report.totals).toMatchObject({ sent: 2, acked: 0, unanswered: 0 });
  expect(report.errors).toMatchObject({ RESOURCE_EXHAUSTED: { count: 2 } });
});
