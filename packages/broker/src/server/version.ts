import { readFileSync } from 'node:fs';

/** The version of this package; `unknown` where its manifest is not beside it, as in a bundle. */
export function brokerVersion(): string {
  try {
    const manifest: unknown = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
      return String(manifest.version);
  } catch {
    // Nobody needs it to be served.
  }
  return 'unknown';
}
