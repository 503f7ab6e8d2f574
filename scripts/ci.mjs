// Every step of CI, one after the other, all of them even when one has failed; a table of what came of it at the end.
// `.ci/run` installs the tools before it. Alone: node scripts/ci.mjs [STEP...]
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './lib/prepare.mjs';
import { run } from './lib/processes.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const ROOMS = ['proto/src', 'packages/broker/src', 'packages/client/src', 'packages/e2e/src'];
const COUNTS = /^(\d+) passed, (\d+) failed$/;
/** Said again at the end, where whoever sees only the tail of the output finds it. */
const failures = [];

/** The tests bring their own counts; every other step counts as one. */
const STEPS = [
  { name: 'install and build', action: () => prepare() },
  {
    name: 'lint',
    action: () =>
      command(bin('biome'), ['ci', '.', process.stdout.isTTY ? '--colors=force' : '--colors=off']),
  },
  { name: 'types, tests included', action: () => command(bin('tsc'), ['-b', 'tsconfig.test.json']) },
  {
    name: 'order of the rooms',
    action: () => command(bin('depcruise'), ['--config', '.dependency-cruiser.cjs', ...ROOMS]),
  },
  { name: 'nothing unused', action: () => command(bin('knip'), ['--no-progress']) },
  { name: 'API reports', action: () => command(process.execPath, ['scripts/api-reports.mjs']) },
  { name: 'reference', action: () => command(process.execPath, ['scripts/docs.mjs', '--check']) },
  { name: 'generated code', action: generatedCode },
  { name: 'packed packages', action: () => command(process.execPath, ['scripts/check-packages.mjs']) },
  {
    name: 'tools of the interop tests',
    action: () => command(process.execPath, ['packages/e2e/interop/setup.mjs']),
  },
  { name: 'npm test', action: npmTest },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; the steps are: ${STEPS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const results = [];
for (const { name, action } of STEPS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n=== ${name}`);
  const begun = performance.now();
  const { passed, failed } = counts(await action());
  const seconds = (performance.now() - begun) / 1000;
  results.push({ name, passed, failed, seconds });
}
const total = { passed: 0, failed: 0 };
console.log('\n=== summary');
for (const { name, passed, failed, seconds } of results) {
  total.passed += passed;
  total.failed += failed;
  const verdict = failed === 0 ? 'ok    ' : 'FAILED';
  console.log(
    `${verdict}  ${name.padEnd(28)} ${`${passed}/${passed + failed}`.padStart(9)}  ${seconds.toFixed(0).padStart(5)} s`,
  );
}
for (const line of failures) console.log(line);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

function counts(outcome) {
  if (typeof outcome !== 'number') return outcome;
  return outcome === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function command(program, args) {
  return run(program, args, { cwd: root });
}

async function npmTest() {
  let seen;
  const code = await run('npm', ['test'], {
    cwd: root,
    onLine: (line) => {
      if (line.startsWith('failed: ')) failures.push(line);
      const match = COUNTS.exec(line.trim());
      if (match !== null) seen = { passed: Number(match[1]), failed: Number(match[2]) };
    },
  });
  if (seen === undefined) return { passed: 0, failed: 1 };
  return code !== 0 && seen.failed === 0 ? { ...seen, failed: 1 } : seen;
}

/** What is committed under proto/src/gen is what the generator makes of the .proto files. */
async function generatedCode() {
  const before = hashOf(join(root, 'proto', 'src', 'gen'));
  const code = await run(process.execPath, ['scripts/generate.mjs'], { cwd: join(root, 'proto') });
  if (code !== 0) return code;
  if (hashOf(join(root, 'proto', 'src', 'gen')) === before) return 0;
  console.error('proto/src/gen is not what proto/scripts/generate.mjs makes: commit its output');
  return 1;
}

function hashOf(folder) {
  const hash = createHash('sha256');
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of names.filter((file) => file.isFile()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex');
}
