// The server side of rpc-engine.bench.mjs: run as a child process with the kind as its argument. It prints its port, and
// answers `cpu` and `memory` over IPC.
import { createRequire } from 'node:module';
import { Server, ServerCredentials } from '@grpc/grpc-js';

const PUBLISH = '/io.cloudevents.v1.CloudEventService/Publish';
const SUBSCRIBE = '/io.cloudevents.v1.CloudEventService/Subscribe';
const LIMITS = {
  maxMessageBytes: 4 << 20,
  streamBufferBytes: 4 << 20,
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 10_000,
};
const EMPTY = new Uint8Array(0);

/** Our engine: the request's event (field 1 of PublishRequest) goes to every stream as it came. */
async function engine(options) {
  const { GrpcJsEngine } = await import('../dist/rpc/index.js');
  const streams = new Set();
  const methods = {
    [PUBLISH]: {
      kind: 'unary',
      handle(call, request) {
        const event = Buffer.from(eventOf(request));
        for (const stream of streams) {
          if (stream.writableBytes() > 0) stream.write(event);
        }
        call.reply(EMPTY);
      },
    },
    [SUBSCRIBE]: {
      kind: 'server-stream',
      open(stream) {
        stream.listener = { writable() {}, closed: () => streams.delete(stream) };
        streams.add(stream);
        stream.sendHeaders({ 'subscription-id': 'bench' });
      },
    },
  };
  const server = new GrpcJsEngine({ methods, tls: undefined, ...LIMITS, ...options });
  return (await server.listen({ host: '127.0.0.1', port: 0 })).port;
}

/** What one would write first: ts-proto messages and grpc-js's own handlers. */
async function plain(serverOptions, codec) {
  const subscribers = new Set();
  const server = new Server(serverOptions);
  const handlers = {
    publish(call, answer) {
      for (const subscriber of subscribers) subscriber.write(codec.eventOf(call.request));
      answer(null, codec.empty);
    },
    subscribe(call) {
      call.sendMetadata(codec.metadata);
      subscribers.add(call);
      call.on('cancelled', () => subscribers.delete(call));
    },
  };
  server.addService(codec.service, handlers);
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}

async function tsProto() {
  const { Metadata } = await import('@grpc/grpc-js');
  const require = createRequire(import.meta.url);
  const { pathToFileURL } = await import('node:url');
  const { dirname, join } = await import('node:path');
  const root = dirname(require.resolve('ce-broker-proto/package.json'));
  const gen = await import(pathToFileURL(join(root, 'dist/gen/io/cloudevents/v1/cloudevents.js')).href);
  const metadata = new Metadata();
  metadata.set('subscription-id', 'bench');
  return { service: gen.CloudEventServiceService, eventOf: (request) => request.event, empty: {}, metadata };
}

/** Skips the tag and length of field 1. */
function eventOf(request) {
  let at = 1;
  while (request[at] >= 0x80) at++;
  return request.subarray(at + 1);
}

const kinds = {
  engine: () => engine({}),
  'engine-public': () => engine({ nativeWrites: false }),
  plain: async () => plain({}, await tsProto()),
};

const port = await kinds[process.argv[2]]();
process.on('message', (question) => {
  if (question === 'gc') globalThis.gc?.();
  process.send({ cpu: process.cpuUsage(), memory: process.memoryUsage() });
});
process.send({ port });
