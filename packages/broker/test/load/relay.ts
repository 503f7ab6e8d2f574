import type { AddressInfo } from 'node:net';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';

const identity = (bytes: Buffer) => bytes;
const method = (name: string, responseStream: boolean) => ({
  path: `/io.cloudevents.v1.CloudEventService/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
});
const service: ServiceDefinition = {
  Publish: method('Publish', false),
  Subscribe: method('Subscribe', true),
};

export interface Relay extends AsyncDisposable {
  readonly address: string;
  readonly server: Server;
  readonly subscribers: ReadonlySet<ServerWritableStream<Buffer, Buffer>>;
  /** What each Publish carried (the CloudEvent, unwrapped). */
  readonly events: Buffer[];
}

/** A small real gRPC server that relays every event to every subscriber; `publish` can answer otherwise. */
export async function startRelay(
  options: { publish?: handleUnaryCall<Buffer, Buffer>; credentials?: ServerCredentials } = {},
): Promise<Relay> {
  const server = new Server();
  const subscribers = new Set<ServerWritableStream<Buffer, Buffer>>();
  const events: Buffer[] = [];
  const relay: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const event = unwrap(call.request);
    events.push(event);
    for (const subscriber of subscribers) subscriber.write(event);
    callback(null, Buffer.alloc(0));
  };
  const subscribe: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    const headers = new Metadata();
    headers.set('subscription-id', 'c7f8a1f2-7b0e-4d39-9d0f-1d1f3d1a5b11');
    call.sendMetadata(headers);
    subscribers.add(call);
    call.on('cancelled', () => subscribers.delete(call));
  };
  server.addService(service, { Publish: options.publish ?? relay, Subscribe: subscribe });
  const port = await new Promise<AddressInfo['port']>((resolve, reject) => {
    server.bindAsync(
      '127.0.0.1:0',
      options.credentials ?? ServerCredentials.createInsecure(),
      (error, bound) => (error === null ? resolve(bound) : reject(error)),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    server,
    subscribers,
    events,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

/** The event inside a PublishRequest: field 1, whose length is a varint. */
export function unwrap(request: Buffer): Buffer {
  let at = 1;
  while ((request[at] ?? 0) >= 0x80) at += 1;
  return request.subarray(at + 1);
}
