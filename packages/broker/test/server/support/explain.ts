import { expect } from 'vitest';
import type { HistoryRow } from '../../../src/server/admin/history.js';
import type { StuckRow } from '../../../src/server/admin/stuck-rows.js';
import type { TraceRow } from '../../../src/server/admin/trace-rows.js';
import type { Running } from './running.js';

async function only<Row>(running: Running, path: string): Promise<Row> {
  const response = await running.fetch(path);
  expect(response.status).toBe(200);
  const { resources } = (await response.json()) as { resources: Row[] };
  expect(resources).toHaveLength(1);
  return resources[0] as Row;
}

export function traced(running: Running, id: string): Promise<TraceRow> {
  return only(running, `/state/trace?id=${id}`);
}

export function past(running: Running, id: string): Promise<HistoryRow> {
  return only(running, `/state/history?id=${id}`);
}

/** Why it is not where it should be, as words. */
export async function whyOf(running: Running, id: string): Promise<readonly string[]> {
  return (await traced(running, id)).why.map(({ about, code }) => `${about} ${code}`);
}

export async function stuck(running: Running, query = 'olderThanMs=0'): Promise<readonly StuckRow[]> {
  const text = await (await running.fetch(`/state/stuck?${query}`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as StuckRow);
}
