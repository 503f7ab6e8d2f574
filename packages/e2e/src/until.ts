const POLL_MS = 20;

/** Resolves with the milliseconds that it took until `done` says so; rejects, naming `what`, after `timeoutMs`. */
export async function until(
  what: string,
  timeoutMs: number,
  done: () => boolean | Promise<boolean>,
): Promise<number> {
  const from = performance.now();
  for (;;) {
    if (await done()) return performance.now() - from;
    if (performance.now() - from > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(POLL_MS);
  }
}

/** Lets time pass where the scenario itself is a matter of time: load that runs so long, a fault that lasts so long. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
