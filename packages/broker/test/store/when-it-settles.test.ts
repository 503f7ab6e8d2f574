import { describe, expect, it } from 'vitest';
import { folderOfTest, TableOnDisk } from './support/table-on-disk.js';

/** So many groups, each of one event. */
async function publish(kept: TableOnDisk, groups: number): Promise<void> {
  const partition = kept.table.partition('works', 'c1');
  for (let group = 0; group < groups; group++) {
    kept.keep(partition.resource(`r${group}`));
    await kept.committed();
  }
}

describe('heads settle', () => {
  it('when little was written since the last tick, and not in a moment of quiet under load', async () => {
    const kept = new TableOnDisk();
    await publish(kept, 20);
    kept.store.tick(20);
    await publish(kept, 20);
    expect(kept.store.stats).toMatchObject({ unsettledHeads: 20, journalGroups: 40 });
    await kept.settled();
    expect(kept.store.stats).toMatchObject({ unsettledHeads: 0, journalGroups: 0 });
  });

  it('all of them when the store is closed, also under a tick', async () => {
    const folder = folderOfTest();
    const kept = new TableOnDisk(folder);
    await publish(kept, 20);
    const closed = kept.store.close();
    kept.store.tick(20);
    await closed;
    const again = new TableOnDisk(folder);
    expect(again.store.stats).toMatchObject({ unsettledHeads: 0, journalGroups: 0 });
    expect(again.table.partition('works', 'c1').find('r19')?.spec?.position).toBe(20);
  });
});
