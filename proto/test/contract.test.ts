import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CeBrokerError,
  ceBrokerErrorCodes,
  codeFromGrpc,
  decodeSpecResyncBody,
  decodeStatusResyncBody,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  grpcCodeOf,
} from 'ce-broker-proto';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

it('the service is, byte for byte, that of the SDK', () => {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'io/cloudevents/v1/cloudevents.proto')))
    .digest('hex');
  expect(hash).toBe('e079a8df43d2eaa8edb800c2ca68072c529f89708891c39bcbecd3af832c4547');
});

it('the generated code is what the generator makes', () => {
  const out = mkdtempSync(join(tmpdir(), 'ce-broker-gen-'));
  try {
    execFileSync(process.execPath, [join(root, 'scripts/generate.mjs'), out], { stdio: 'pipe' });
    expect(filesOf(out)).toEqual(filesOf(join(root, 'src/gen')));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});

function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

it('every error code is documented, with its gRPC number', () => {
  const docs = readFileSync(join(root, '../docs/reference/errors.md'), 'utf8');
  const rows = [...docs.matchAll(/^\| `([a-z_]+)` \| (\S+) \|/gm)].map(([, code, number]) => [code, number]);
  const numberOf = (code: (typeof ceBrokerErrorCodes)[number]) =>
    codeFromGrpc(grpcCodeOf(code)) === code ? String(grpcCodeOf(code)) : '-';
  expect(rows).toEqual(ceBrokerErrorCodes.map((code) => [code, numberOf(code)]));
});

it('whatever is thrown becomes a CeBrokerError that keeps what is known', () => {
  const own = new CeBrokerError('aborted', 'x', { field: 'f' });
  expect(CeBrokerError.from(own)).toBe(own);
  expect(CeBrokerError.from({ code: 8, details: 'too much' })).toMatchObject({
    code: 'resource_exhausted',
    message: 'too much',
  });
  expect(CeBrokerError.from(AbortSignal.abort().reason).code).toBe('cancelled');
  expect(CeBrokerError.from(Object.assign(new Error('in use'), { code: 'EADDRINUSE' })).code).toBe(
    'address_in_use',
  );
  expect(CeBrokerError.from(new Error('odd'), 'internal')).toMatchObject({
    code: 'internal',
    message: 'odd',
  });
  for (const odd of [undefined, null, 5, 'text', Object.create(null)])
    expect(CeBrokerError.from(odd).code).toBe('unknown');
});

it('resync lists keep every id and every int64', () => {
  const versions = fc.array(
    fc.record({
      resourceId: fc.string({ unit: 'grapheme' }),
      resourceVersion: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    }),
  );
  fc.assert(
    fc.property(versions, (list) => {
      expect(decodeSpecResyncBody(encodeSpecResyncBody(list))).toEqual(list);
    }),
  );
  const hashes = fc.array(fc.record({ resourceId: fc.string(), statusHash: fc.string() }));
  fc.assert(
    fc.property(hashes, (list) => {
      expect(decodeStatusResyncBody(encodeStatusResyncBody(list))).toEqual(list);
    }),
  );
});

it('a resync body that is no list of them is refused, and one without data', () => {
  const bodies = [
    '',
    '[]',
    '5',
    '{',
    '{"resourceVersions":5}',
    '{"resourceVersions":[5]}',
    '{"resourceVersions":[{"resourceID":5}]}',
  ];
  bodies.push(
    '{"resourceVersions":[{"resourceVersion":"3"}]}',
    '{"resourceVersions":[{"resourceVersion":3.0}]}',
    '{"resourceVersions":[{"resourceVersion":1e2}]}',
  );
  for (const body of bodies) expect(() => decodeSpecResyncBody(Buffer.from(body))).toThrow(CeBrokerError);
  expect(() => decodeStatusResyncBody(undefined)).toThrow(CeBrokerError);
  const long = `{"resourceVersions":[{"resourceID":"${'a\\n'.repeat(1e6)}","resourceVersion":9007199254740993,"more":[1,{"x":2}]}]}`;
  expect(decodeSpecResyncBody(Buffer.from(long))[0]?.resourceVersion).toBe(9007199254740993n);
});
