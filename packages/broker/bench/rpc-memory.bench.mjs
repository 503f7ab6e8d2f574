// Memory of the RPC engine per idle subscriber: each on a connection of its own, and all on one connection.
//
//   node packages/broker/bench/rpc-memory.bench.mjs [--count 2000] [--kinds engine,plain]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { IdleStreams, Subscriber } from './rpc-load.mjs';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '2000' }, kinds: { type: 'string', default: 'engine,plain' } },
});
const count = Number(values.count);
const PATH = '/io.cloudevents.v1.CloudEventService/Subscribe';
const request = Buffer.from([0x12, 2, 0x63, 0x31]);

async function measure(kind, open) {
  const child = fork(new URL('./rpc-relay.mjs', import.meta.url), [kind], { execArgv: ['--expose-gc'] });
  const [{ port }] = await once(child, 'message');
  const ask = async () => {
    child.send('gc');
    const [{ memory }] = await once(child, 'message');
    return memory;
  };
  const settle = async () => {
    await ask();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return ask();
  };
  const warm = await open(port, 100);
  const before = await settle();
  const held = await open(port, count);
  const after = await settle();
  for (const connection of [...warm, ...held]) connection.close();
  child.kill();
  const each = (field) => ((after[field] - before[field]) / count / 1024).toFixed(1);
  return `resident ${each('rss')} KiB, heap ${each('heapUsed')} KiB, other ${each('external')} KiB`;
}

async function ownConnections(port, many) {
  const connections = [];
  for (let i = 0; i < many; i++) {
    const connection = new Subscriber(port, PATH, request);
    connections.push(connection);
    // A few at a time, so that the accept queue never overflows.
    if (i % 50 === 49) await Promise.all(connections.slice(-50).map((each) => each.opened));
  }
  await Promise.all(connections.map((connection) => connection.opened));
  return connections;
}

async function oneConnection(port, many) {
  const connection = new IdleStreams(port, PATH, request, many);
  await connection.opened;
  return [connection];
}

console.log(`per idle subscriber, ${count} of them`);
for (const kind of values.kinds.split(',')) {
  console.log(`${kind.padEnd(14)} own connection:  ${await measure(kind, ownConnections)}`);
  console.log(`${kind.padEnd(14)} one connection:  ${await measure(kind, oneConnection)}`);
}
