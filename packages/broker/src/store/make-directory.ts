import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from './lock-file.js';

/**
 * Makes the directory and those above it that are missing (0700). Step by step: Node's `recursive` tries again for ever where the parent is
 * there and says that it is not, as in `/proc`.
 */
export function makeDirectory(directory: string): void {
  const missing: string[] = [];
  for (let path = directory; !isThere(path) && dirname(path) !== path; path = dirname(path))
    missing.push(path);
  for (const path of missing.reverse()) {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      // Somebody else made it meanwhile.
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
  // A file stands in its place: that says so.
  if (!statSync(directory).isDirectory()) mkdirSync(directory);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
