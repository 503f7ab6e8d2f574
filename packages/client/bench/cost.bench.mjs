/**
 * What a publish through the client costs: its CPU beside that of a bare grpc-js unary call which sends bytes that are there already, 128
 * in flight, to the same server process. The two take turns in one run, so that what else the machine does falls on both. The client
 * also writes the JSON and the event: with large ones (--bytes 16384) that is most of what it adds.
 *
 * node packages/client/bench/cost.bench.mjs [--rounds 15] [--calls 10000] [--bytes 1024] [--only client|bare]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const IN_FLIGHT = 128;
const TARGET = 1.25;
const PATH = '/io.cloudevents.v1.CloudEventService/Publish';

if (process.send === undefined) await main();
else await serve();

/** Answers every Publish at once: in a process of its own, so that only the client's CPU is counted. */
async function serve() {
  const { Server, ServerCredentials } = await import('@grpc/grpc-js');
  const server = new Server();
  const same = (bytes) => bytes;
  const empty = Buffer.alloc(0);
  server.register(PATH, (_, callback) => callback(null, empty), same, same, 'unary');
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.send(port);
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '15' },
      calls: { type: 'string', default: '10000' },
      bytes: { type: 'string', default: '1024' },
      only: { type: 'string' },
    },
  });
  const child = fork(fileURLToPath(import.meta.url));
  const [port] = await once(child, 'message');
  const url = `127.0.0.1:${port}`;
  const contenders = {
    client: await throughClient(url, Number(values.bytes)),
    bare: await bare(url, Number(values.bytes)),
  };
  const names = values.only === undefined ? ['bare', 'client'] : [values.only];
  const calls = Number(values.calls);
  const rounds = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) await run(contenders[name].call, calls);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    // Who goes first gains nothing by it.
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      rounds[name].push(await run(contenders[name].call, calls));
    }
  }
  for (const name of names) console.log(`${name}: ${median(rounds[name]).toFixed(1)} us CPU per publish`);
  if (names.length === 2) {
    const ratios = rounds.client.map((cost, index) => cost / rounds.bare[index]);
    const ratio = median(ratios);
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)].map((each) => each.toFixed(2));
    console.log(`ratio: ${ratio.toFixed(2)} (${low} to ${high}); target ${TARGET}`);
    if (ratio > TARGET) process.exitCode = 1;
  }
  for (const { close } of Object.values(contenders)) await close();
  child.kill();
}

/** CPU per call in microseconds, user and system. */
async function run(call, calls) {
  const before = process.cpuUsage();
  let left = calls;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function resourceOf(bytes) {
  return {
    uid: '3f2a9c1e-6c0b-4d8e-9f57-0a1b2c3d4e5f',
    resourceVersion: '7',
    clusterName: 'cluster1',
    source: 'hub',
    spec: { image: 'registry.example.com/app:1.2.3', replicas: 3, notes: 'x'.repeat(bytes) },
  };
}

async function throughClient(url, bytes) {
  const { CloudEventSourceClient, CloudEventsType, grpcSourceOptions, jsonCodec, statusHash } = await import(
    'ce-broker-client'
  );
  const dataType = 'io.ce-broker.bench.v1.things';
  const client = await CloudEventSourceClient.create({
    options: grpcSourceOptions({ url }, 'hub', { qps: Number.POSITIVE_INFINITY }),
    lister: { list: () => [] },
    statusHashGetter: ({ status }) => statusHash(status ?? null),
    codecs: [jsonCodec({ dataType })],
  });
  await client.ready();
  const type = CloudEventsType.parse(`${dataType}.spec.update_request`);
  const resource = resourceOf(bytes);
  return { call: () => client.publish(type, resource), close: () => client.close() };
}

/** The same event, encoded once. */
async function bare(url, bytes) {
  const { Client, credentials, Metadata } = await import('@grpc/grpc-js');
  const { CloudEventsType, jsonCodec } = await import('ce-broker-client');
  const { encodeEvent, encodePublishRequest } = await import('ce-broker-proto');
  const dataType = 'io.ce-broker.bench.v1.things';
  const type = CloudEventsType.parse(`${dataType}.spec.update_request`);
  const event = jsonCodec({ dataType }).encodeEvent('hub', type, resourceOf(bytes));
  const request = encodePublishRequest(encodeEvent(event));
  const client = new Client(url, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const same = (message) => message;
  const metadata = new Metadata();
  const call = () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(PATH, same, same, request, metadata, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  return { call, close: () => client.close() };
}
