import type { Report } from '../file-resource.js';
import type { SourceEntry } from './source-state.js';

/** The agent holds what this source did not publish: a higher version, another content, or a deletion where there is none. */
export function isForeign({ version, status }: Report, entry: SourceEntry): boolean {
  const own = BigInt(entry.version);
  if (BigInt(version) !== own) return BigInt(version) > own;
  if (entry.deletedAt !== undefined) return false;
  return status.deleted === true || (status.contentHash !== undefined && status.contentHash !== entry.hash);
}

/** The agent had exactly what this source has published. */
export function isOwn({ version, status }: Report, entry: SourceEntry): boolean {
  return version === entry.version && entry.deletedAt === undefined && status.contentHash === entry.hash;
}

/** The same said again: over a reconnect, say. */
export function isSame(report: Report, before: Report): boolean {
  return report.hash === before.hash && report.version === before.version;
}

/** Reports may overtake each other over reconnects; those of one agent have an order. */
export function isOlder(report: Report, before: Report): boolean {
  const numbers = /^\d{1,19}$/;
  if (!numbers.test(report.sequenceId) || !numbers.test(before.sequenceId)) return false;
  return BigInt(report.sequenceId) < BigInt(before.sequenceId);
}
