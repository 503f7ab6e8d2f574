import { type Broker, startBroker } from 'ce-broker';
import {
  CloudEventSourceClient,
  CloudEventsDataType,
  CloudEventsType,
  type EventCodec,
  type JsonResource,
  jsonCodec,
  jsonStatusHash,
  type Lister,
  ResourceStore,
  transportSourceOptions,
} from 'ce-broker-client';
import { SILENT } from 'ce-broker-proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RawPeer } from '../../src/client-support/index.js';

interface State {
  readonly open: boolean;
}
/** The data type is for the store, which keeps it apart by it. */
type Door = JsonResource<unknown, State> & { readonly dataType?: string };

function codec(dataType: CloudEventsDataType): EventCodec<JsonResource<unknown, State>> {
  return jsonCodec<unknown, State>({ dataType });
}

const doors = CloudEventsDataType.parse('example.com.v1.doors');
const gates = CloudEventsDataType.parse('example.com.v1.gates');

let broker: Broker;
beforeEach(async () => {
  broker = await startBroker({ listen: false });
});
afterEach(() => broker.close({ graceMs: 100 }));

async function hub(lister: Lister<Door>): Promise<CloudEventSourceClient<Door>> {
  const client = await CloudEventSourceClient.create({
    options: transportSourceOptions(() => broker.inProcessTransport(), 'hub'),
    lister,
    statusHashGetter: jsonStatusHash,
    codecs: [codec(doors), codec(gates)],
    autoResync: false,
    logger: SILENT,
  });
  await client.subscribe(() => undefined);
  return client;
}

function door(clusterName: string, open: boolean, dataType = doors): Door {
  const place = { clusterName, source: 'hub', dataType: String(dataType) };
  return { uid: 'x', resourceVersion: '1', ...place, spec: {}, status: { open } };
}

const isOpen = ({ status }: Door): boolean => status?.open === true;

test('what is held of another data type, or of the cluster that is asked for, is found', async () => {
  const store = new ResourceStore<Door>();
  for (const each of [door('c1', false), door('c2', true), door('c1', true, gates)]) store.set(each);
  await using client = await hub(store);
  const where = async (more: object) => {
    const { clusterName, dataType } = await client.waitFor('x', isOpen, { timeoutMs: 5_000, ...more });
    return `${clusterName} ${dataType}`;
  };
  expect(await where({ clusterName: 'c2' })).toBe(`c2 ${doors}`);
  expect(await where({ clusterName: 'c1' })).toBe(`c1 ${gates}`);
  expect(await where({ dataType: gates })).toBe(`c1 ${gates}`);
  expect(await where({ dataType: String(gates) })).toBe(`c1 ${gates}`);
  expect(await where({ clusterName: 'c2', dataType: doors })).toBe(`c2 ${doors}`);
});

test('of a lister that only lists, every cluster is looked at', async () => {
  await using client = await hub({ list: () => [door('c1', false), door('c2', true)] });
  expect(await client.waitFor('x', isOpen, { timeoutMs: 5_000 })).toMatchObject({ clusterName: 'c2' });
});

test('a report of another cluster, or data type, counts only where none is named', async () => {
  await using client = await hub(new ResourceStore<Door>());
  const agent = await RawPeer.subscribe(broker, { cluster: 'c1' });
  const report = async (clusterName: string, dataType: CloudEventsDataType) =>
    agent.publish(
      codec(dataType).encodeEvent(
        `${clusterName}-agent`,
        new CloudEventsType(dataType, 'status', 'update_request'),
        { ...door(clusterName, true), resourceVersion: dataType === gates ? '2' : '1' },
      ),
    );
  const any = client.waitFor('x', isOpen);
  const inC2 = client.waitFor('x', isOpen, { clusterName: 'c2' });
  const gate = client.waitFor('x', isOpen, { clusterName: 'c2', dataType: String(gates) });
  await report('c1', doors);
  expect(await any).toMatchObject({ clusterName: 'c1' });
  await report('c2', doors);
  expect(await inC2).toMatchObject({ clusterName: 'c2' });
  await report('c2', gates);
  expect(await gate).toMatchObject({ clusterName: 'c2', resourceVersion: '2' });
  await agent.close();
});

test('a data type that the client has no codec for is named', async () => {
  await using client = await hub(new ResourceStore<Door>());
  await expect(client.waitFor('x', isOpen, { dataType: 'example.com.v1.walls' })).rejects.toMatchObject({
    code: 'invalid_argument',
    field: 'dataType',
  });
  await expect(client.waitFor('x', isOpen, { timeoutMs: Number.NaN })).rejects.toMatchObject({
    code: 'invalid_argument',
    field: 'timeoutMs',
  });
});
