import { startBroker } from 'ce-broker';
import { type CloudEventSourceClient, grpcSourceOptions, transportSourceOptions } from 'ce-broker-client';
import { CeBrokerError } from 'ce-broker-proto';
import { makeSource } from './make.js';
import { type Part, part, typeOf } from './part.js';

/**
 * A program that has a client with one of each wait under way, closes it, says how each wait ended, and then has nothing more to do:
 * `node leaver-main.js HOST:PORT`, or `in-process`.
 */
const [where = ''] = process.argv.slice(2);
const broker = where === 'in-process' ? await startBroker({ listen: false }) : undefined;
const rateLimit = { qps: 0.001, burst: 1 };
const options =
  broker === undefined
    ? grpcSourceOptions({ url: where }, 'hub', rateLimit)
    : transportSourceOptions(() => broker.inProcessTransport(), 'hub', rateLimit);
const client: CloudEventSourceClient<Part> = await makeSource(options, { reconnectDelay: () => 60_000 });

const ended: Record<string, string> = {};
function wait(name: string, promise: Promise<unknown>): Promise<void> {
  return promise.then(
    (value) => {
      ended[name] = JSON.stringify(value) ?? 'resolved';
    },
    (error: unknown) => {
      ended[name] = error instanceof CeBrokerError ? error.code : String(error);
    },
  );
}
const statuses = client.status();
const reconnected = client.reconnected[Symbol.asyncIterator]();
const subscribed = client.subscribe(() => undefined);
const waits = [
  wait('publish', client.publish(typeOf('spec'), part('a', 1))),
  wait('publish behind the rate limit', client.publish(typeOf('spec'), part('a', 2))),
  wait('subscribe', subscribed),
  wait('ready', client.ready()),
  wait(
    'waitFor',
    client.waitFor('a', () => false),
  ),
  wait('reconnected', reconnected.next()),
];
// The parent says when what it waits for has happened.
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
await client.close();
await client.close();
await Promise.all(waits);
let last = '';
for await (const { type } of statuses) last = type;
ended['status'] = last;
await broker?.close();
process.stdout.write(`${JSON.stringify(ended)}\n`);
