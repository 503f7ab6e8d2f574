import { expect, it } from 'vitest';
import { Partition } from '../../src/state/partition.js';
import { Cell, Resource } from '../../src/state/resource.js';
import { encodeResource, restoreResource } from '../../src/state/resource-codec.js';

const place = new Partition('io.example.v1.works', 'c1');

function sentAtOf(record: Uint8Array): number | undefined {
  const read = new Resource(place, 'x');
  restoreResource(read, record);
  expect(read.farewell?.since).toBe(2_000);
  expect(read.spec?.version).toBe(1n);
  return read.farewell?.sentAt;
}

it('whether an agent was handed the end of the earlier life is kept; a record that does not say so counts as yes', () => {
  const resource = new Resource(place, 'x');
  resource.owner = 'A';
  resource.spec = new Cell(resource, 'spec', { position: 2, size: 10 }, 2, 2_000, 1n);
  for (const sentAt of [1_000.5, undefined]) {
    resource.farewell = { stored: { position: 1, size: 10 }, sentAt, since: 2_000 };
    const record = encodeResource(resource) ?? new Uint8Array();
    expect(sentAtOf(record)).toBe(sentAt);
    // As the versions before wrote it: eight bytes less.
    expect(sentAtOf(record.subarray(0, -8))).toBe(2_000);
  }
});
