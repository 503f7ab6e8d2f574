import { gzipSync } from 'node:zlib';
import { decodeEvent, encodePublishRequest, isHeartbeat, readResourceId } from 'ce-broker-proto';
import { GO_RECEIVE_LIMIT, GrpcConnection, grpcFrame, SERVICE } from '../grpc-connection.js';
import { inBatches, MIB } from '../measure.js';
import { ModelAgent } from '../model-agent.js';
import { specEvent, WIDGETS } from '../model-events.js';
import { stopAll } from '../model-peer.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const BOMB_MIB = 200;
const RAISED_BYTES = 16 * MIB;

/** Just under, at and over the limit, compressed bombs, and an event that its receiver cannot take. */
export const size: Scenario = {
  number: 13,
  name: 'size',
  async play(run) {
    await atTheLimit(run);
    await overTheReceiver(run);
  },
};

/** The limit is exact, and a bomb costs no more than the limit. */
async function atTheLimit(run: Run): Promise<void> {
  const broker = await run.broker({ collectable: true });
  const connection = await GrpcConnection.open(broker.grpc);
  const receiver = await GrpcConnection.open(broker.grpc);
  run.after(() => {
    connection.close();
    receiver.close();
  });
  const got: string[] = [];
  let over = false;
  run.after(() => {
    over = true;
  });
  receiver.subscribe(
    { source: '', clusterName: 'cluster-1', dataType: WIDGETS },
    {
      message: (bytes) => {
        if (!isHeartbeat(bytes)) got.push(readResourceId(decodeEvent(bytes)) ?? '');
      },
      ended: ({ code, message }) => {
        if (!over) run.fault(`the receiver was ended with ${code} ${message}`);
      },
    },
  );
  await until('the receiver is subscribed', 10_000, async () => (await broker.sessions()) === 1);
  const wanted: [name: string, bytes: number, code: number][] = [
    ['under', GO_RECEIVE_LIMIT - 1, 0],
    ['at', GO_RECEIVE_LIMIT, 0],
    ['over', GO_RECEIVE_LIMIT + 1, 8],
    ['far-over', 3 * GO_RECEIVE_LIMIT, 8],
  ];
  for (const [name, bytes, code] of wanted) {
    const answer = await connection.unary(`${SERVICE}/Publish`, grpcFrame(requestOf(name, bytes)));
    run.history.add(answer.code === 0 ? 'acked' : 'refused', 'source', {
      id: name,
      code: answer.code,
      count: bytes,
    });
    run.figure(name, answer.code);
    if (answer.code !== code)
      run.fault(
        `${name} (${bytes} bytes) was answered with ${answer.code} ${answer.message}, not with ${code}`,
      );
  }
  await until('what is within the limit has arrived', 10_000, () => got.length === 2);

  const bomb = grpcFrame(gzipSync(Buffer.alloc(BOMB_MIB * MIB)), 1);
  const before = await broker.rssCollected();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, broker.rss());
  }, 20);
  run.after(() => clearInterval(watch));
  await inBatches(run.size(20, 500), 4, async () => {
    const answer = await connection.unary(`${SERVICE}/Publish`, bomb, { 'grpc-encoding': 'gzip' });
    if (answer.code !== 8) run.fault(`a bomb was answered with ${answer.code} ${answer.message}`);
  });
  clearInterval(watch);
  // Four at once may each inflate to the limit, and a little garbage waits.
  run.atMost('bombsPeakGrowthMiB', (most - before) / MIB, 96);
  const after = await connection.publish(event('after', 100));
  if (after.code !== 0)
    run.fault(`a Publish after the bombs was answered with ${after.code} ${after.message}`);
}

/** The broker takes 16 MiB, a Go client 4 MiB: it is ended by such an event, comes back, and is not handed it again. */
async function overTheReceiver(run: Run): Promise<void> {
  const broker = await run.broker({ args: ['--max-message-bytes', String(RAISED_BYTES)] });
  const agent = new ModelAgent({
    name: 'agent',
    cluster: 'cluster-1',
    address: () => broker.grpc,
    history: run.history,
    random: run.random,
  });
  run.after(() => stopAll([agent]));
  agent.start();
  await until('the agent is subscribed', 10_000, () => agent.isOpen);
  const publisher = await GrpcConnection.open(broker.grpc);
  run.after(() => publisher.close());
  const publish = async (id: string, bytes: number, version = 1) => {
    const answer = await publisher.publish(event(id, bytes, version));
    if (answer.code !== 0) run.fault(`${id} was answered with ${answer.code} ${answer.message}`);
  };
  await publish('before', 100);
  await publish('large', 5 * MIB);
  await until('the agent could not take it', 10_000, () => agent.lastEnd?.code === 8);
  // Each small event that arrives on an open subscription is a turn in which the large one could have been sent again.
  for (let round = 0; round < run.size(20, 200); round += 1) {
    await publish(`small-${round}`, 100);
    await until(`small-${round} has arrived`, 20_000, () => agent.held.has(`small-${round}`));
  }
  run.atMost('reconnectsOverOneEvent', agent.opens - 1, 2);
  agent.drop();
  await publish('later', 100);
  await until('the agent came back by itself', 20_000, () => agent.held.has('later') && agent.isOpen);
  await publish('large', 1_000, 2);
  await until(
    'its next version, which fits, has arrived',
    20_000,
    () => agent.held.get('large')?.version === 2,
  );
  // One end for the event, one for the drop: a resync asks for all that is missing, and must not bring it back.
  run.atMost('reconnects', agent.opens - 1, 3);
  if (!agent.held.has('before')) run.fault('what came before is gone');
}

function event(id: string, bytes: number, version = 1): Buffer {
  return specEvent({
    source: 'source',
    dataType: WIDGETS,
    action: 'update_request',
    cluster: 'cluster-1',
    id,
    version,
    life: 1,
    deleting: false,
    bytes,
    eventId: `${id}-${version}`,
    time: 1_767_225_600_000,
  });
}

/** A PublishRequest of exactly so many bytes. */
function requestOf(id: string, bytes: number): Buffer {
  const first = encodePublishRequest(event(id, bytes)).length;
  const request = encodePublishRequest(event(id, bytes - (first - bytes)));
  if (request.length !== bytes) throw new Error(`a request of ${request.length} bytes, not ${bytes}`);
  return request;
}
