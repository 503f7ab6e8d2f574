import { describe, expect, it } from 'vitest';
import { resourceUid } from '../../src/codec/resource-uid.js';

describe('a resource id', () => {
  // By another implementation of UUID v5, over the text that Go hashes.
  it.each([
    [{ source: 'source1', namespace: 'cluster1', name: 'web' }, 'd6dc4f43-41c6-5a58-bd2d-9ac650f4689b'],
    [
      { source: 'quelle-ü', groupResource: 'Deployment.apps', namespace: 'c1', name: 'shop/wäb' },
      '2cfcd4cb-745c-5db0-890f-9275b8444900',
    ],
  ])('is a UUID v5 in the name space of object identifiers: %j', (parts, uid) => {
    expect(resourceUid(parts)).toBe(uid);
    expect(resourceUid(parts)).toBe(uid);
  });
});
