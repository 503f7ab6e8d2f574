import type { Place } from '../state/place.js';
import type { Databases } from './databases.js';
import { idOfKey, resourceKey, unseal } from './layout.js';

/** So many are read at once. */
const PAGE = 128;

type OnDamaged = (place: Place, id: string) => void;

/** What is settled of a resource; undefined: nothing, or it is not what was written, and `onDamaged` was told. */
export function readHead(
  { heads }: Databases,
  place: Place,
  key: Buffer,
  onDamaged: OnDamaged,
): Buffer | undefined {
  return checked(place, key, heads.get(key), onDamaged);
}

/**
 * The same of every resource of a partition beside those that were seen. It may take many turns: each comes as it is then. No cursor lives
 * from one turn to the next: where its key is removed meanwhile, it goes on behind the one that follows.
 * @param settled how often something was settled: what was read before the last time is read again
 */
export function* scanHeads(
  { heads }: Databases,
  place: Place,
  isSeen: (id: string) => boolean,
  settled: () => number,
  onDamaged: OnDamaged,
): Iterable<readonly [string, Buffer]> {
  const end = resourceKey(place.number + 1, '');
  let start = resourceKey(place.number, '');
  let exclusiveStart = false;
  for (;;) {
    const asOf = settled();
    const page = [...heads.getRange({ start, exclusiveStart, end, limit: PAGE })];
    for (const { key, value } of page) {
      const id = idOfKey(key);
      if (isSeen(id)) continue;
      const sealed = settled() === asOf ? value : heads.get(key);
      const record = checked(place, key, sealed, onDamaged);
      if (record !== undefined) yield [id, record];
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    start = last.key;
    exclusiveStart = true;
  }
}

function checked(
  place: Place,
  key: Buffer,
  sealed: Buffer | undefined,
  onDamaged: OnDamaged,
): Buffer | undefined {
  if (sealed === undefined) return undefined;
  const record = unseal(key, sealed);
  if (record === undefined) onDamaged(place, idOfKey(key));
  return record;
}
