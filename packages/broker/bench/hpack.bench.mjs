// What a header block costs: found in the decoder's cache (a client that sends the same blocks again), and decoded anew (a client
// that enters a new grpc-timeout into the dynamic table with each call, as grpc-go does, or that sends a new literal each time).
// Run: `npm run build && node packages/broker/bench/hpack.bench.mjs [ROUNDS]`.
// Quote the ratios; the nanoseconds are this machine's, and of this minute.
import { HpackDecoder } from '../dist/rpc/h2/hpack/decoder.js';
import { HpackEncoder } from '../dist/rpc/h2/hpack/encoder.js';

const rounds = Number(process.argv[2] ?? 15);
const BLOCKS = 2_000;
const REPEATS = 50;

const remembered = (fields) => fields.map(([name, value]) => ({ name, value, remember: true }));
const call = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/io.cloudevents.v1.CloudEventService/Publish'],
  [':authority', 'broker.open-cluster-management.svc:8090'],
  ['content-type', 'application/grpc'],
  ['user-agent', 'grpc-go/1.81.0'],
  ['te', 'trailers'],
  ['x-source', 'source1'],
  ['x-tenant', 'tenant1'],
];
const timeout = (i) => ({ name: 'grpc-timeout', value: `${4_999_000 + (i % BLOCKS)}u` });
const trace = (i) => ({
  name: 'traceparent',
  value: `00-${'4bf92f3577b34da6a3ce929d0e0e4736'}-${(0x10000000 + i * 7919).toString(16).padStart(16, '0')}-01`,
});

/** Blocks of one connection, in order. The first enters everything, so they can be decoded in a circle. */
function blocks(fieldsOf) {
  const encoder = new HpackEncoder(4_096);
  const made = Array.from({ length: BLOCKS }, (_, i) => encoder.encode(fieldsOf(i)));
  // One chunk, as they come off a socket.
  const starts = [];
  let at = 0;
  for (const block of made) {
    starts.push(at);
    at += block.length;
  }
  starts.push(at);
  return { bytes: Buffer.concat(made), starts };
}

function repeated(count, fieldsOf) {
  const { bytes, starts } = blocks(fieldsOf);
  const first = count;
  const again = Buffer.concat(
    Array.from({ length: BLOCKS - count }, (_, i) =>
      bytes.subarray(starts[first + (i % count)], starts[first + (i % count) + 1]),
    ),
  );
  const all = Buffer.concat([bytes.subarray(0, starts[first]), again]);
  return { bytes: all, starts: starts.slice(0, first).concat(ends(starts, first, count)) };
}

function ends(starts, first, count) {
  const list = [starts[first]];
  for (let i = 0; i < BLOCKS - count; i++) {
    const from = first + (i % count);
    list.push(list.at(-1) + starts[from + 1] - starts[from]);
  }
  return list;
}

const plain = (field) => ({ ...field, remember: false });
const cases = {
  'the same block, all indices': repeated(1, () => remembered(call)),
  'the same block, 60 bytes of literals': repeated(1, () => [...remembered(call), plain(trace(1))]),
  'the same block, 300 bytes of literals': repeated(1, () => [
    ...remembered(call),
    ...[1, 2, 3, 4, 5, 6].map((i) => plain(trace(i))),
  ]),
  '4 blocks in turn, all indices': repeated(4, (i) =>
    remembered([...call, ['x-cluster', `cluster${i % 4}`]]),
  ),
  'a new grpc-timeout in the table each time': blocks((i) => [
    ...remembered(call),
    { ...timeout(i), remember: true },
  ]),
  'a new grpc-timeout as a literal each time': blocks((i) => [...remembered(call), plain(timeout(i))]),
  'a new traceparent as a literal each time': blocks((i) => [...remembered(call), plain(trace(i))]),
};

const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
let kept = 0;
for (let round = -3; round < rounds; round++) {
  for (const [name, { bytes, starts }] of Object.entries(cases)) {
    const decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 32_768, maxFields: 128 });
    const start = process.hrtime.bigint();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      for (let i = 0; i < BLOCKS; i++) kept += decoder.decode(bytes, starts[i], starts[i + 1]).size;
    }
    const nanoseconds = Number(process.hrtime.bigint() - start) / (REPEATS * BLOCKS);
    if (round >= 0) results[name].push(nanoseconds);
  }
}
if (kept === 0) throw new Error('nothing was decoded');
console.log(
  `${rounds} rounds of ${REPEATS * BLOCKS} header blocks each; median, and the best and the worst round`,
);
for (const [name, list] of Object.entries(results)) {
  list.sort((a, b) => a - b);
  const { bytes, starts } = cases[name];
  const median = list[Math.floor(list.length / 2)];
  console.log(
    `${name.padEnd(44)} ${(bytes.length / (starts.length - 1)).toFixed(0).padStart(4)} bytes ` +
      `${median.toFixed(0).padStart(6)} ns (${list[0].toFixed(0)} - ${list.at(-1).toFixed(0)})`,
  );
}
