// How long it takes to load the client, beside loading @grpc/grpc-js alone: `node packages/client/bench/import.bench.mjs [runs]`.
// Each run is a fresh process; the two take turns, so that a busy machine slows both. Build first: npx tsc -b packages/client.
import { execFileSync } from 'node:child_process';

const runs = Number(process.argv[2] ?? 15);
const entries = {
  'nothing at all': 'node:path',
  'ce-broker-client': new URL('../dist/index.js', import.meta.url).href,
  '@grpc/grpc-js': import.meta.resolve('@grpc/grpc-js'),
};

/** Milliseconds from before the import to after it, in a process of its own. */
function once(entry) {
  const script = `const begun = performance.now(); await import(${JSON.stringify(entry)}); process.stdout.write(String(performance.now() - begun));`;
  return Number(
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }),
  );
}

const times = Object.fromEntries(Object.keys(entries).map((name) => [name, []]));
for (let run = 0; run <= runs; run++) {
  for (const [name, entry] of Object.entries(entries)) {
    const ms = once(entry);
    // The first run warms the disk.
    if (run > 0) times[name].push(ms);
  }
}

const median = (values) => values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
const grpc = median(times['@grpc/grpc-js']);
for (const [name, values] of Object.entries(times)) {
  const ms = median(values);
  console.log(
    `${name.padEnd(20)} ${ms.toFixed(1).padStart(7)} ms  ${(ms / grpc).toFixed(2)} of @grpc/grpc-js`,
  );
}
