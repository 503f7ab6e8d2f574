import type { Place } from '../state/place.js';
import type { Databases } from './databases.js';
import { idOfKey, resourceKey, unseal } from './layout.js';

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

/** The same of every resource of a partition beside those that were seen. */
export function* scanHeads(
  { heads }: Databases,
  place: Place,
  isSeen: (id: string) => boolean,
  onDamaged: OnDamaged,
): Iterable<readonly [string, Buffer]> {
  const start = resourceKey(place.number, '');
  const end = resourceKey(place.number + 1, '');
  // It may take many turns: each head as it is when its turn comes, and no old pages kept for it.
  for (const { key, value } of heads.getRange({ start, end, snapshot: false })) {
    const id = idOfKey(key);
    const record = isSeen(id) ? undefined : checked(place, key, value, onDamaged);
    if (record !== undefined) yield [id, record];
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
