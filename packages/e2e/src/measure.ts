/** Milliseconds, for percentiles. */
export class Samples {
  readonly #values: number[] = [];
  #sorted = true;

  add(value: number): void {
    this.#values.push(value);
    this.#sorted = false;
  }

  get count(): number {
    return this.#values.length;
  }

  percentile(percent: number): number {
    if (!this.#sorted) this.#values.sort((a, b) => a - b);
    this.#sorted = true;
    const at = Math.ceil((percent / 100) * this.#values.length) - 1;
    return this.#values[Math.max(0, at)] ?? Number.NaN;
  }

  get max(): number {
    return this.percentile(100);
  }
}

const TICK_MS = 5;

/** Calls `next` so many times a second for so long; a turn that comes late makes up for it. */
export function drive(perSecond: number, ms: number, next: () => void): Promise<void> {
  const began = performance.now();
  let done = 0;
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      const passed = Math.min(ms, performance.now() - began);
      try {
        for (const due = Math.floor((passed / 1000) * perSecond); done < due; done += 1) next();
      } catch (error) {
        clearInterval(timer);
        reject(error);
        return;
      }
      if (passed < ms) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
}

/** Runs `task` for each number below `count`, so many at a time. */
export async function inBatches(
  count: number,
  atOnce: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}

export const MIB = 1024 * 1024;
