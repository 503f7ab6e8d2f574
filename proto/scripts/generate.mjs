// Generates the TypeScript of the contract: `node scripts/generate.mjs [OUT_DIR]` (default: src/gen).
// Everything comes from the workspace (buf and ts-proto); nothing is fetched.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const out = resolve(process.argv[2] ?? join(root, 'src/gen'));
const bin = (name) => join(root, 'node_modules/.bin', name);

const options = [
  'outputServices=grpc-js',
  'esModuleInterop=true',
  'env=node',
  'oneof=unions-value',
  'forceLong=bigint',
  'useOptionals=messages',
  'importSuffix=.js',
  'exportCommonSymbols=false',
  'useDate=false',
];

const work = mkdtempSync(join(tmpdir(), 'ce-broker-proto-'));
try {
  for (const folder of ['ce_broker', 'io', 'google'])
    cpSync(join(root, folder), join(work, folder), { recursive: true });
  writeFileSync(join(work, 'buf.yaml'), 'version: v2\nmodules:\n  - path: .\n');
  const plugin = { local: bin('protoc-gen-ts_proto'), out, opt: options };
  writeFileSync(
    join(work, 'buf.gen.yaml'),
    JSON.stringify({ version: 'v2', clean: true, plugins: [plugin] }),
  );
  execFileSync(bin('buf'), ['generate'], { cwd: work, stdio: 'inherit' });
} finally {
  rmSync(work, { recursive: true, force: true });
}
