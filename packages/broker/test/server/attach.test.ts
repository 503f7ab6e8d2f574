import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Broker, startBroker } from '../../src/index.js';
import { RawClient } from '../rpc/support/raw-client.js';
import { eventOf, openSubscription, publish, subscribed } from './support/running.js';

const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

describe('attached to a gRPC server of the user', () => {
  let server: Server;
  let broker: Broker;
  let client: RawClient;

  beforeEach(async () => {
    server = new Server();
    broker = await startBroker({ listen: false });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    client = new RawClient(`http://127.0.0.1:${port}`);
  });
  afterEach(async () => {
    client.close();
    await broker.close();
    server.forceShutdown();
  });

  it('serves as its own port does, and both see the same state', async () => {
    broker.attach(server);
    const call = await subscribed(client, { clusterName: 'c1' });
    expect((await call.headers)['subscription-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect((await publish(client, eventOf())).status).toBe(0);
    expect(await call.messages(1)).toHaveLength(1);
    expect(broker.status()).toMatchObject({
      address: undefined,
      sessions: { agents: 1 },
      store: { resources: 1 },
    });
  });

  it('bad input is refused there too', async () => {
    broker.attach(server);
    expect((await openSubscription(client, {}).done).status).toBe(3);
    expect((await publish(client, eventOf({ cluster: '' }))).status).toBe(3);
  });

  it('detach ends its subscriptions and takes the service off; it may come again', async () => {
    const attached = broker.attach(server);
    const call = await subscribed(client, { clusterName: 'c1' });
    attached.detach();
    attached.detach();
    expect((await call.done).status).toBe(UNAVAILABLE);
    expect((await publish(client, eventOf())).status).toBe(UNIMPLEMENTED);
    broker.attach(server);
    expect((await publish(client, eventOf())).status).toBe(0);
  });

  it('closing the broker leaves the server to its owner', async () => {
    broker.attach(server);
    const call = await subscribed(client, { clusterName: 'c1' });
    await broker.close();
    expect((await call.done).status).toBe(UNAVAILABLE);
    expect((await publish(client, eventOf())).status).toBe(UNIMPLEMENTED);
  });

  it('a server that has the service already is refused', () => {
    broker.attach(server);
    expect(() => broker.attach(server)).toThrow(expect.objectContaining({ code: 'already_exists' }));
  });
});
