import { statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Distribution } from '../state/distribution.js';
import type { StoreRefusalReason } from '../state/event-store.js';

const SECONDS: readonly number[] = Object.freeze([
  2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]);
const EVENTS: readonly number[] = Object.freeze([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096]);

/** The groups of a store, counted. */
export class GroupCounts {
  readonly commits = new Distribution(SECONDS);
  readonly groupEvents = new Distribution(EVENTS);
  readonly failedGroups = new Map<StoreRefusalReason, number>();
  #cutAt = 0;

  cut(): void {
    this.#cutAt = performance.now();
  }

  committed(events: number): void {
    this.commits.add((performance.now() - this.#cutAt) / 1000);
    this.groupEvents.add(events);
  }

  failed(reason: StoreRefusalReason): void {
    this.failedGroups.set(reason, (this.failedGroups.get(reason) ?? 0) + 1);
  }
}

/** Two system calls; what the system does not say is undefined, and the size 0. */
export function diskOf(directory: string): {
  readonly fileBytes: number;
  readonly diskFreeBytes: number | undefined;
} {
  const fileBytes = statSync(join(directory, 'data.mdb'), { throwIfNoEntry: false })?.size ?? 0;
  try {
    const { bavail, bsize } = statfsSync(directory);
    return { fileBytes, diskFreeBytes: bavail * bsize };
  } catch {
    return { fileBytes, diskFreeBytes: undefined };
  }
}
