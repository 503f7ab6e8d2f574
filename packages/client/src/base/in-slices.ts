import { setImmediate as turn } from 'node:timers/promises';

/** How long the process may be kept from everything else. */
const SLICE_MS = 10;

/** Runs over all items in slices, with turns of the event loop between; `alive` throws what ends it. */
export async function inSlices<V>(
  items: Iterable<V>,
  each: (item: V) => void,
  alive: () => void = () => undefined,
): Promise<void> {
  let begun = performance.now();
  for (const item of items) {
    each(item);
    if (performance.now() - begun < SLICE_MS) continue;
    await turn();
    alive();
    begun = performance.now();
  }
}
