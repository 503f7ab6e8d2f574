// npm run demo: a fleet without code. A broker, a source over a folder of Kubernetes manifests, three agents; then a file is edited, the
// broker is killed, files change while it is away, and it comes back. Exit code 0: every folder is as it should be.
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { differences, filesOf } from './folders.mjs';
import { Processes } from './processes.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { values } = parseArgs({
  options: {
    /** Other manifests than those of the demo: a folder of folders. */
    manifests: { type: 'string', default: join(here, 'manifests') },
    /** How long one step may take, in seconds. */
    patience: { type: 'string', default: '25' },
  },
});
const FAILING = 'oslo/collector.yaml';
const CHECK = `${JSON.stringify(process.execPath)} ${JSON.stringify(join(here, 'check-manifest.mjs'))}`;

const folder = mkdtempSync(join(tmpdir(), 'ce-broker-demo-'));
const fleet = join(folder, 'fleet');
const processes = new Processes();
const begun = performance.now();
/** The newest report of each file, as the source tells it. */
const reports = new Map();
const deleted = new Set();
let interrupted;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted ??= new Error(`ended by ${signal}`);
  });
}

try {
  await demo();
  process.exitCode = 0;
} catch (error) {
  console.log(`\nFAILED: ${error.message}`);
  console.log(`\nWhat the programs said last:\n${processes.log}`);
  process.exitCode = 1;
} finally {
  await processes.endAll();
  rmSync(folder, { recursive: true, force: true });
}

async function demo() {
  cpSync(values.manifests, fleet, { recursive: true });
  const clusters = readdirSync(fleet).sort();
  console.log(
    `A fleet without code: ${allFiles(clusters).length} Kubernetes manifests for ${clusters.join(', ')}\n`,
  );

  let broker = await startBroker('127.0.0.1:0');
  tell(`a broker runs on ${broker.grpc}`);
  for (const cluster of clusters) {
    const exec = cluster === 'oslo' ? ['--exec', CHECK] : [];
    const args = [
      'agent',
      '--cluster',
      cluster,
      '--server',
      broker.grpc,
      '--dir',
      join(folder, cluster),
      ...exec,
    ];
    processes.start(`agent ${cluster}`, args);
  }
  const source = ['source', '--dir', fleet, '--source', 'demo', '--server', broker.grpc, '--json'];
  processes.start('source', source, onReport);
  tell(
    'a source publishes the folder; three agents apply into folders; the one of oslo checks each manifest',
  );

  await settled(clusters);
  for (const cluster of clusters)
    tell(`  ${cluster}: ${[...filesOf(join(folder, cluster)).keys()].join(', ')}`);
  tell(`  the source hears of ${FAILING}: ${saidOf(FAILING)}`);

  edit('berlin/web.yaml', /replicas: \d+/, 'replicas: 5');
  tell('edited berlin/web.yaml: replicas 5');
  await settled(clusters);
  tell(`  applied as version ${reports.get('berlin/web.yaml').reportedVersion}`);

  await processes.kill(broker.child);
  tell('killed the broker (SIGKILL)');
  edit('lisbon/orders-config.yaml', /currency: .*/, 'currency: BRL');
  rmSync(join(fleet, 'berlin/web-ingress.yaml'));
  tell('meanwhile edited lisbon/orders-config.yaml, and deleted berlin/web-ingress.yaml');
  await sleep(1_000);
  broker = await startBroker(broker.grpc);
  tell('the broker is back, with all that it had acknowledged');
  await settled(clusters);
  tell('  lisbon/orders-config.yaml is applied');
  await until('the deletion of berlin/web-ingress.yaml', () =>
    deleted.has('berlin/web-ingress.yaml') ? [] : ['not told'],
  );
  tell('  berlin/web-ingress.yaml is gone, and its agent has said so');
  await until('the confirmation of the deletion', async () => await tombstones(broker.admin));

  const wrong = problems(clusters);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  const files = clusters.reduce((sum, cluster) => sum + filesOf(join(folder, cluster)).size, 0);
  console.log(
    `\nEvery folder is as it should be: ${files} files on ${clusters.length} clusters, byte for byte,`,
  );
  console.log(`and the source knows that ${FAILING} fails its check.`);
}

async function startBroker(listen) {
  let ready;
  const announced = new Promise((resolve) => {
    ready = resolve;
  });
  const dataDir = join(folder, 'broker');
  const args = [
    'serve',
    '--listen',
    listen,
    '--admin',
    '127.0.0.1:0',
    '--data-dir',
    dataDir,
    '--log-level',
    'warn',
  ];
  const child = processes.start('broker', args, (line) => {
    const [, grpc, admin] = /ready grpc=(\S+) admin=(\S+)/.exec(line) ?? [];
    if (grpc !== undefined) ready({ child, grpc, admin });
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the broker did not start');
  });
  ended.catch(() => undefined);
  return await Promise.race([announced, ended]);
}

function onReport(line) {
  const report = JSON.parse(line);
  const file = `${report.cluster}/${report.file}`;
  if (report.event === 'status') reports.set(file, report);
  if (report.event === 'deleted') {
    reports.delete(file);
    deleted.add(file);
  }
}

/** Every folder as it should be, and every file reported as it should be. */
function settled(clusters) {
  return until('every folder as it should be', () => problems(clusters));
}

function problems(clusters) {
  const told = clusters.flatMap((cluster) =>
    differences(join(fleet, cluster), join(folder, cluster)).map((what) => `${cluster}/${what}`),
  );
  for (const file of allFiles(clusters)) {
    const should = file === FAILING ? 'failed' : 'applied';
    const report = reports.get(file);
    if (report === undefined) told.push(`${file}: no report at the source`);
    else if (report.state !== should) told.push(`${file}: reported as ${report.state}, not as ${should}`);
    else if (report.version !== report.reportedVersion)
      told.push(`${file}: the report is of an older version`);
  }
  if (!allFiles(clusters).includes(FAILING)) told.push(`${FAILING}, which is to fail, is not there`);
  return told;
}

function allFiles(clusters) {
  return clusters.flatMap((cluster) =>
    [...filesOf(join(fleet, cluster)).keys()].map((name) => `${cluster}/${name}`),
  );
}

function saidOf(file) {
  const { exitCode, output } = reports.get(file);
  return `failed with exit code ${exitCode}: "${output.at(-1)}"`;
}

function edit(file, what, by) {
  const path = join(fleet, file);
  writeFileSync(path, readFileSync(path, 'utf8').replace(what, by));
}

async function tombstones(admin) {
  const answer = await fetch(`http://${admin}/state/tombstones`);
  return (await answer.text()).split('\n').filter((line) => line !== '');
}

/** Waits until nothing is wrong any more. */
async function until(what, wrong) {
  const end = performance.now() + Number(values.patience) * 1_000;
  for (;;) {
    if (interrupted !== undefined) throw interrupted;
    if (processes.failure !== undefined) throw processes.failure;
    const left = await wrong();
    if (left.length === 0) return;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}: ${left.join('; ')}`);
    await sleep(50);
  }
}

function tell(what) {
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1).padStart(5);
  console.log(`[${seconds} s] ${what}`);
}
