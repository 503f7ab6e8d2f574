/**
 * What one would write first on Node: grpc-js as it comes, generated messages (ts-proto), one `write` per subscriber and event.
 * It routes specs by cluster and the rest by source, and keeps nothing.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

const dist = new URL('./', import.meta.resolve('ce-broker-proto'));
const { CloudEventServiceService } = await import(new URL('gen/io/cloudevents/v1/cloudevents.js', dist));

const byCluster = new Map();
const bySource = new Map();

function publish(call, callback) {
  const { event } = call.request;
  if (event === undefined) {
    callback({ code: 3, details: 'no event' });
    return;
  }
  const text = (name) => event.attributes[name]?.attr?.value;
  const spec = event.type.split('.').at(-2) === 'spec';
  const receivers = spec ? byCluster.get(text('ce-clustername')) : bySource.get(text('ce-originalsource'));
  for (const receiver of receivers ?? []) receiver.write(event);
  callback(null, {});
}

function subscribe(call) {
  const { source, clusterName } = call.request;
  const [table, key] = clusterName === '' ? [bySource, source] : [byCluster, clusterName];
  const receivers = table.get(key) ?? new Set();
  table.set(key, receivers);
  receivers.add(call);
  call.on('cancelled', () => receivers.delete(call));
  const headers = new Metadata();
  headers.set('subscription-id', randomUUID());
  call.sendMetadata(headers);
}

const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024 });
server.addService(CloudEventServiceService, { publish, subscribe });
const [port = '0', certFile, keyFile] = process.argv.slice(2);
const credentials =
  certFile === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [
        { cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile) },
      ]);
server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
  if (error !== null) throw error;
  process.stdout.write(`ready 127.0.0.1:${bound}\n`);
});
