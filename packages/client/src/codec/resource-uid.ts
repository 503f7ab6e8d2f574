import { createHash } from 'node:crypto';

/** The group and resource of ManifestWorks, of which Go derives their ids. */
export const MANIFEST_WORKS = 'manifestworks.work.open-cluster-management.io';

/** The UUID of the name space "object identifiers" (RFC 9562, 6.6). */
const OID = Buffer.from('6ba7b8129dad11d180b400c04fd430c8', 'hex');

/** What a resource id is derived of. */
export interface ResourceUidParts {
  readonly source: string;
  /** `<resource>.<group>`. Default {@link MANIFEST_WORKS}. */
  readonly groupResource?: string | undefined;
  /** The namespace of the resource: for ManifestWorks, the name of the cluster. */
  readonly namespace: string;
  readonly name: string;
}

/**
 * A resource id that is the same each time: a UUID v5 over `<source>-<groupResource>-<namespace>-<name>` (Go: `utils.UID` of both
 * SDK generations).
 */
export function resourceUid({
  source,
  groupResource = MANIFEST_WORKS,
  namespace,
  name,
}: ResourceUidParts): string {
  const hash = createHash('sha1')
    .update(OID)
    .update(`${source}-${groupResource}-${namespace}-${name}`, 'utf8');
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
