import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoreRefusal } from '../../src/state/event-store.js';
import { MemoryStore } from '../../src/state/memory-store.js';
import { lmdbStore } from '../../src/store/index.js';
import { DATA_TYPE, eventOf, events, publish, Running, statusOf, subscribed } from './support/running.js';

const ADMIN = { admin: '127.0.0.1:0' };

/** Metric with its labels -> value. */
async function scrape(running: Running): Promise<Map<string, number>> {
  const text = await (await running.fetch('/metrics')).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  // A scraper refuses the whole page for one bound that is no number.
  const bounds = [...text.matchAll(/ le="([^"]*)"/g), ...text.matchAll(/[{,]le="([^"]*)"/g)];
  expect(bounds.filter(([, bound]) => bound !== '+Inf' && Number.isNaN(Number(bound)))).toEqual([]);
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

async function scrapeUntil(
  running: Running,
  fits: (values: ReadonlyMap<string, number>) => boolean,
): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    const values = await scrape(running);
    if (fits(values)) return values;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('metrics of the store', () => {
  it('tell of its groups, its file and its disk', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'ce-broker-metrics-'));
    try {
      await using running = await Running.start({ ...ADMIN, store: lmdbStore({ dataDir }) });
      const client = running.client();
      for (const resourceId of ['one', 'two', 'three']) await publish(client, eventOf({ resourceId }));
      const values = await scrape(running);
      expect(values.get('ce_broker_store_group_events_sum')).toBe(3);
      expect(values.get('ce_broker_store_commit_seconds_count')).toBeGreaterThanOrEqual(1);
      expect(values.get('ce_broker_store_commit_seconds_sum')).toBeGreaterThan(0);
      expect(values.get('ce_broker_store_file_bytes')).toBeGreaterThan(3_000);
      expect(values.get('ce_broker_store_disk_free_bytes')).toBeGreaterThan(0);
      expect(values.get('ce_broker_resources_in_memory')).toBe(3);
      expect(values.get('ce_broker_store_uncommitted_bytes')).toBe(0);
      expect(values.get('ce_broker_store_refusing')).toBe(0);
      expect(values.get('ce_broker_store_troubles')).toBe(0);
      expect(values.get('ce_broker_store_damaged_total')).toBe(0);
      expect(values.get('ce_broker_store_unsettled_heads')).toBeLessThanOrEqual(3);
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });

  it('say nothing of a disk where there is none', async () => {
    await using running = await Running.start(ADMIN);
    const values = await scrape(running);
    const ofDisk = [...values.keys()].filter((name) =>
      /store_(commit|group|file|disk|journal|un)/.test(name),
    );
    expect(ofDisk).toEqual([]);
    expect(values.get('ce_broker_store_refusing')).toBe(0);
  });
});

describe('a store that takes nothing', () => {
  it('is told, and what it refuses is counted by reason', async () => {
    const refusal: StoreRefusal = {
      reason: 'disk-full',
      code: 'resource_exhausted',
      message: 'the disk is full',
    };
    const full = Object.defineProperty(new MemoryStore('epoch'), 'refusal', { value: refusal });
    const store = { name: 'full', open: async () => full };
    await using running = await Running.start({ ...ADMIN, store });
    const before = await scrape(running);
    expect(before.get('ce_broker_store_refusing')).toBe(1);
    expect(before.get('ce_broker_store_refused_total{reason="disk-full"}')).toBe(0);
    const answer = await publish(running.client(), eventOf());
    expect(answer).toMatchObject({ status: 8 });
    const values = await scrape(running);
    expect(values.get('ce_broker_store_refused_total{reason="disk-full"}')).toBe(1);
    expect(values.get('ce_broker_store_refused_total{reason="behind"}')).toBe(0);
    expect(values.get('ce_broker_refused_total{code="resource_exhausted"}')).toBe(1);
  });
});

describe('metrics of what is late', () => {
  it('the oldest that a connected agent has not answered, until it has', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'away', cluster: 'c2' }));
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, eventOf({ resourceId: 'asked' }));
    await events(agent, 1);
    const name = 'ce_broker_oldest_unanswered_seconds';
    const values = await scrapeUntil(running, (seen) => (seen.get(name) ?? 0) > 0);
    expect(values.get('ce_broker_stuck_age_seconds')).toBeGreaterThan(0);
    expect(values.get('ce_broker_stuck_walk_seconds')).toBeGreaterThanOrEqual(0);
    await publish(client, statusOf({ resourceId: 'asked' }));
    expect((await scrape(running)).get(name)).toBe(0);
  });

  it('how long a resync takes to its last byte, by who asks', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    for (const resourceId of ['one', 'two']) await publish(client, eventOf({ resourceId }));
    await publish(client, statusOf({ resourceId: 'one' }));
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    const ask = { action: 'resync_request', extensions: { originalsource: '' } };
    await publish(client, eventOf({ ...ask, source: 'agent', data: '{"resourceVersions":[]}' }));
    await events(agent, 2);
    const count = (role: string) => `ce_broker_resync_seconds_count{role="${role}"}`;
    await scrapeUntil(running, (seen) => seen.get(count('agent')) === 1);
    agent.stream.close();
    const source = await subscribed(client, { source: 's1', dataType: DATA_TYPE });
    await publish(client, eventOf({ ...ask, sub: 'status', data: '{"statusHashes":[]}' }));
    await events(source, 1);
    const values = await scrapeUntil(running, (seen) => seen.get(count('source')) === 1);
    expect(values.get('ce_broker_resync_seconds_sum{role="agent"}')).toBeGreaterThan(0);
  });

  it('what is held, and since when', async () => {
    await using running = await Running.start(ADMIN);
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    expect((await scrape(running)).get('ce_broker_oldest_hold_seconds')).toBe(0);
    await running.broker.hold({ cluster: 'c1', reason: 'maintenance' });
    await publish(client, eventOf({ resourceId: 'waits' }));
    const values = await scrape(running);
    expect(values.get('ce_broker_holds')).toBe(1);
    expect(values.get('ce_broker_held_keys')).toBe(1);
    expect(values.get('ce_broker_held_deletions')).toBe(0);
    expect(values.get('ce_broker_oldest_hold_seconds')).toBeGreaterThan(0);
    expect(values.get('ce_broker_oldest_held_deletion_seconds')).toBe(0);
    agent.stream.close();
  });
});
