// How long it takes to know where an event goes: our scan beside a full decode with ts-proto's generated code and with
// protobufjs, on the same messages, in turns. Run: `npm run build && node packages/broker/bench/scan.bench.mjs [ROUNDS]`.
// Quote the ratios; the nanoseconds are this machine's, and of this minute.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { createEvent, encodeEvent, encodePublishRequest } from 'ce-broker-proto';
import { PublishRequest } from 'ce-broker-proto/service';
import { Scanner } from '../dist/wire/scan.js';

const rounds = Number(process.argv[2] ?? 15);
const MESSAGES = 500;
const REPEATS = 20;

const require = createRequire(import.meta.url);
const packageFile = require.resolve('ce-broker-proto/package.json');
const protobuf = createRequire(packageFile)('protobufjs');
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => `${dirname(packageFile)}/${target}`;
root.loadSync('io/cloudevents/v1/cloudevents.proto');
const type = root.lookupType('io.cloudevents.v1.PublishRequest');

const string = (value) => ({ kind: 'string', value });
const uuid = (number) => `5f0c2a3e-0f2b-4d5c-8e2a-${String(number).padStart(12, '0')}`;
/** Seven attributes and 1 KiB, as a source of ManifestWorks sends it. */
const requests = Array.from({ length: MESSAGES }, (_, number) =>
  encodePublishRequest(
    encodeEvent(
      createEvent({
        id: uuid(number),
        source: 'source1',
        type: 'io.open-cluster-management.works.v1alpha1.manifestbundles.spec.update_request',
        time: { seconds: 1_741_965_000 + number, nanos: 123_456_789 },
        dataContentType: 'application/json',
        extensions: [
          ['clustername', string(`cluster${number % 100}`)],
          ['originalsource', string('')],
          ['resourceid', string(uuid(number * 7))],
          ['resourceversion', { kind: 'integer', value: number }],
          ['logtracing', string('{}')],
        ],
        data: { kind: 'binary', value: Buffer.alloc(1024, '{"a":1}') },
      }),
    ),
  ),
);

const scanner = new Scanner();
const runners = {
  'our scan': (request) => scanner.scanPublishRequest(request),
  'ts-proto decode': (request) => PublishRequest.decode(request),
  'protobufjs decode': (request) => type.decode(request),
};

const results = Object.fromEntries(Object.keys(runners).map((name) => [name, []]));
let kept = 0;
for (let round = -3; round < rounds; round++) {
  for (const [name, run] of Object.entries(runners)) {
    const start = process.hrtime.bigint();
    for (let repeat = 0; repeat < REPEATS; repeat++)
      for (const request of requests) kept += run(request) ? 1 : 0;
    const perMessage = Number(process.hrtime.bigint() - start) / (REPEATS * MESSAGES);
    // The first rounds only warm up.
    if (round >= 0) results[name].push(perMessage);
  }
}

const median = (values) => values.toSorted((left, right) => left - right)[values.length >> 1];
const minimum = (values) => Math.min(...values);
const own = results['our scan'];
const figure = (value) => `${value.toFixed(0).padStart(7)} ns`;
console.log(
  `${rounds} rounds of ${REPEATS * MESSAGES} messages of ${requests[0].length} bytes, Node ${process.version}, ${kept} read`,
);
for (const [name, values] of Object.entries(results)) {
  // Both ratios: the minimum is what the code takes, the median what it took beside whatever else ran.
  const ratios = [median, minimum].map((of) => `${(of(values) / of(own)).toFixed(1)} x`);
  console.log(
    `${name.padEnd(18)} median ${figure(median(values))} (${ratios[0]})  minimum ${figure(minimum(values))} (${ratios[1]})  our scan = 1.0 x`,
  );
}
