/** Runs over all items, `width` at a time, in order of their start. The first failure stops the rest, and is what it rejects with. */
export async function inWindow<V>(
  items: Iterable<V>,
  width: number,
  run: (item: V) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      if (failed) return;
      try {
        await run(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
