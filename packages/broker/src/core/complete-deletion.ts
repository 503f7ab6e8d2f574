import type { DataTypePolicy } from '../access/data-type-policy.js';
import type { Resource } from '../state/resource.js';
import { appendAttribute, readStringAttribute } from '../wire/attributes.js';
import type { Envelope } from '../wire/envelope.js';
import type { Core } from './core.js';
import { readOrDrop } from './damaged.js';

const INT32_MAX = 2_147_483_647n;

/**
 * A deletion that a Go source answers a resync with lacks the `metadata` by which a work agent finds the work: without it the
 * agent reports Deleted while the manifests keep running. So the newest spec's or status's metadata is added to it.
 */
export function completeDeletion(
  core: Core,
  resource: Resource,
  event: Envelope,
  policy: DataTypePolicy,
): Uint8Array {
  let { bytes } = event;
  if (!event.hasMetadata) {
    const metadata = knownMetadata(core, resource);
    if (metadata !== undefined)
      bytes = appendAttribute(bytes, 'ce-metadata', { kind: 'string', value: metadata });
  }
  const version =
    event.versionState === 'absent' && policy.deletion === 'deleted-condition' ? resource.newestVersion : 0n;
  if (version > 0n && version <= INT32_MAX) {
    bytes = appendAttribute(bytes, 'ce-resourceversion', { kind: 'integer', value: Number(version) });
  }
  return bytes;
}

function knownMetadata(core: Core, resource: Resource): string | undefined {
  for (const cell of [resource.spec, resource.status]) {
    if (cell === undefined) continue;
    const bytes = readOrDrop(core, cell, cell.stored);
    const metadata = bytes === undefined ? undefined : readStringAttribute(bytes, 'metadata');
    if (metadata !== undefined) return metadata;
  }
  return undefined;
}
