import { deflateRawSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { GrpcError } from '../../../../src/rpc/h2/grpc/grpc-error.js';
import { deflate, inflate } from '../../../../src/rpc/h2/grpc/inflate.js';

const MIB = 1024 * 1024;
const LIMIT = 4 * MIB;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;

interface Outcome {
  readonly error: GrpcError | undefined;
  readonly message: Uint8Array | undefined;
}

function inflated(encoding: 'gzip' | 'deflate', bytes: Uint8Array, maxBytes = LIMIT): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let inside = true;
    inflate(encoding, bytes, maxBytes, (error, message) => {
      if (inside) reject(new Error('called back from inside the call'));
      resolve({ error, message });
    });
    inside = false;
  });
}

const packers = { gzip: gzipSync, deflate: deflateSync } as const;

describe.each(['gzip', 'deflate'] as const)('%s', (encoding) => {
  const pack = packers[encoding];

  it.each([0, 1, 1_000, 100_000, LIMIT])('a message of %d bytes comes back', async (size) => {
    const bytes = Buffer.alloc(size, 'the quick brown fox ');
    const { error, message } = await inflated(encoding, pack(bytes));
    expect(error).toBeUndefined();
    expect(bytes.equals(message ?? Buffer.of(1))).toBe(true);
  });

  it('a byte over the limit is RESOURCE_EXHAUSTED', async () => {
    const { error } = await inflated(encoding, pack(Buffer.alloc(10_001)), 10_000);
    expect(error).toMatchObject({ code: RESOURCE_EXHAUSTED });
    expect(error?.message).toContain('10000');
    expect((await inflated(encoding, pack(Buffer.alloc(10_000)), 10_000)).message).toHaveLength(10_000);
  });

  it('a bomb is left at the limit: what comes behind is never read', async () => {
    const bomb = pack(Buffer.alloc(64 * MIB));
    // Were it inflated to its end, this would be found, and be INTERNAL.
    const broken = Buffer.concat([bomb.subarray(0, bomb.length - 1_000), Buffer.alloc(1_000, 0xff)]);
    expect((await inflated(encoding, broken, 65 * MIB)).error).toMatchObject({ code: INTERNAL });
    expect((await inflated(encoding, broken)).error).toMatchObject({ code: RESOURCE_EXHAUSTED });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('not compressed at all')],
    ['a raw stream', deflateRawSync('x')],
    ['half of it', pack(Buffer.alloc(50_000)).subarray(0, 30)],
    ['another check sum', flipped(pack('some text'))],
  ])('%s is INTERNAL', async (_name, bytes) => {
    const { error, message } = await inflated(encoding, bytes);
    expect(error).toMatchObject({ code: INTERNAL });
    expect(error?.message).toContain(encoding);
    expect(message).toBeUndefined();
  });
});

it('what we compress, every gzip inflates', () => {
  const bytes = Buffer.alloc(100_000, 'the quick brown fox ');
  expect(gunzipSync(deflate(bytes)).equals(bytes)).toBe(true);
  expect(deflate(bytes).length).toBeLessThan(bytes.length / 10);
});

function flipped(bytes: Buffer): Buffer {
  const last = bytes.length - (bytes[0] === 0x1f ? 5 : 1);
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  return bytes;
}
