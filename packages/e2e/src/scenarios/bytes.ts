import { connect } from 'node:net';
import {
  decodeEvent,
  encodePublishRequest,
  encodeSubscriptionRequest,
  isHeartbeat,
  MANIFEST_BUNDLES,
} from 'ce-broker-proto';
import type { BrokerProcess } from '../broker-process.js';
import { closeAll, GrpcConnection, grpcFrame, SERVICE } from '../grpc-connection.js';
import { inBatches, MIB } from '../measure.js';
import { specEvent, specResyncEvent, statusEvent, statusResyncEvent, WIDGETS } from '../model-events.js';
import { Random } from '../random.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const CONNECTIONS = 8;
const AT_ONCE = 64;
const PUBLISH = `${SERVICE}/Publish`;
const SUBSCRIBE = `${SERVICE}/Subscribe`;
/** Each play repeats the same bytes, so that what the broker keeps of them is the same, and what grows is lost. */
const PLAYS = 4;

/** OK, INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED and FAILED_PRECONDITION are answers to a message. */
const ANSWERS_TO_MESSAGES = new Set([0, 3, 7, 8, 9]);
/** A broken frame may also be UNIMPLEMENTED (not one message) or INTERNAL (what it says is wrong). */
const ANSWERS_TO_FRAMES = new Set([0, 3, 7, 8, 9, 12, 13]);

/** Mutated messages, broken gRPC frames, broken HTTP/2 and the empty PublishRequest: a proper status each, and the broker goes on. */
export const bytes: Scenario = {
  number: 10,
  name: 'bytes',
  async play(run) {
    const broker = await run.broker({ collectable: true });
    const connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => GrpcConnection.open(broker.grpc)),
    );
    run.after(() => closeAll(connections));
    const unreadable = await watchReceivers(run, broker);

    const empty = await connections[0]?.unary(PUBLISH, grpcFrame(Buffer.alloc(0)));
    run.figure('emptyRequest', `${empty?.code} ${empty?.message}`);
    if (empty?.code !== 3) run.fault(`the empty PublishRequest was answered with ${empty?.code}`);

    const corpus = messages();
    const [mutated, frames] = [run.size(50_000, 1_000_000), run.size(10_000, 200_000)];
    const seeds = { mutated: run.random.whole(0, 1e9), frames: run.random.whole(0, 1e9) };
    const codes = new Map<number, number>();
    const frameCodes = new Map<number, number>();
    let after = 0;
    for (let play = 0; play < PLAYS; play += 1) {
      const random = new Random(seeds.mutated);
      await inBatches(mutated / PLAYS, AT_ONCE, async (index) => {
        const message = mutate(random, random.pick(corpus));
        const connection = connections[index % CONNECTIONS];
        const answer = await connection?.unary(PUBLISH, grpcFrame(message));
        count(
          run,
          codes,
          answer?.code ?? -1,
          ANSWERS_TO_MESSAGES,
          () => `message ${message.toString('hex')}`,
        );
      });
      const frameRandom = new Random(seeds.frames);
      await inBatches(frames / PLAYS, AT_ONCE, async (index) => {
        const broken = brokenFrame(frameRandom, frameRandom.pick(corpus));
        const connection = connections[index % CONNECTIONS];
        const answer = await connection?.unary(broken.path, broken.body, broken.headers);
        count(
          run,
          frameCodes,
          answer?.code ?? -1,
          ANSWERS_TO_FRAMES,
          () => `frame ${broken.body.toString('hex')}`,
        );
      });
      if (play === 0) after = await broker.rssCollected();
    }
    run.figure('messages', mutated);
    run.figure('messageCodes', JSON.stringify(Object.fromEntries(codes)));
    run.figure('frames', frames);
    run.figure('frameCodes', JSON.stringify(Object.fromEntries(frameCodes)));
    run.atMost('memoryDriftMiB', ((await broker.rssCollected()) - after) / MIB, 32);

    const sockets = run.size(500, 10_000);
    const random = run.random.fork();
    await inBatches(sockets, 16, () => brokenHttp2(random, broker.grpc, corpus));
    run.figure('brokenHttp2Connections', sockets);
    if (connections.some((connection) => connection.closed)) run.fault('an innocent connection was closed');
    const good = await connections[0]?.publish(
      specEvent({
        source: 'good',
        dataType: WIDGETS,
        action: 'create_request',
        cluster: 'cluster-2',
        id: 'good',
        version: 1,
        life: 1,
        deleting: false,
      }),
    );
    if (good?.code !== 0)
      run.fault(`a good Publish afterwards was answered with ${good?.code} ${good?.message}`);
    await until('no broken connection is left', 60_000, async () => {
      return (await broker.status()).connections.open <= CONNECTIONS + 2;
    });
    if (broker.ended !== undefined) run.fault(`the broker ended with ${broker.ended}`);
    if (/unhandled/i.test(broker.log)) run.fault('the broker logged something unhandled');
    run.fault(...unreadable);
  },
};

/** An agent and a source that are sent whatever was let in: all of it must be readable. */
async function watchReceivers(run: Run, broker: BrokerProcess): Promise<string[]> {
  const faults: string[] = [];
  for (const [source, clusterName] of [
    ['', 'cluster-1'],
    ['source', ''],
  ] as const) {
    const connection = await GrpcConnection.open(broker.grpc);
    run.after(() => connection.close());
    connection.subscribe(
      { source, clusterName, dataType: '' },
      {
        message: (message) => {
          if (isHeartbeat(message)) return;
          try {
            decodeEvent(message);
          } catch (error) {
            faults.push(`a receiver cannot read ${message.toString('hex')}: ${error}`);
          }
        },
      },
    );
  }
  await until('both are subscribed', 10_000, async () => (await broker.sessions()) === 2);
  return faults;
}

function count(
  run: Run,
  codes: Map<number, number>,
  code: number,
  allowed: ReadonlySet<number>,
  what: () => string,
): void {
  codes.set(code, (codes.get(code) ?? 0) + 1);
  if (!allowed.has(code)) run.fault(`${code} for ${what().slice(0, 400)}`);
}

function widget(action: string, version: number, deleting = false, dataType = WIDGETS): Buffer {
  return specEvent({
    source: 'source',
    dataType,
    action,
    cluster: 'cluster-1',
    id: 'r1',
    version,
    life: 1,
    deleting,
  });
}

/** Messages as the SDK writes them, of every kind. */
function messages(): Buffer[] {
  const status = { agent: 'agent', cluster: 'cluster-1', originalSource: 'source', id: 'r1', version: 1 };
  return [
    widget('create_request', 1),
    widget('update_request', 2),
    widget('delete_request', 2, true),
    widget('update_request', 3, false, MANIFEST_BUNDLES),
    widget('create_request', 1, false, 'coordination.k8s.io.v1.leases'),
    statusEvent({ ...status, dataType: WIDGETS, action: 'update_request', sequence: 5, gone: false }),
    statusEvent({ ...status, dataType: MANIFEST_BUNDLES, action: 'update_request', sequence: 6, gone: true }),
    specResyncEvent('agent', WIDGETS, 'cluster-1', [{ resourceId: 'r1', resourceVersion: 3n }]),
    statusResyncEvent('source', WIDGETS, [{ resourceId: 'r1', statusHash: 'hash-1' }]),
  ].map((event) => encodePublishRequest(event));
}

/** Mostly one small wrong, up to three. */
function mutate(random: Random, message: Buffer): Buffer {
  let out = Buffer.from(message);
  for (let times = random.oneIn(4) ? random.whole(2, 3) : 1; times > 0; times -= 1) {
    const at = random.whole(0, Math.max(0, out.length - 1));
    const to = Math.min(out.length, at + random.whole(1, 24));
    switch (random.whole(0, 9)) {
      case 7:
      case 8:
      case 9:
        // Another letter or digit, as often within a text as not: many of these are readable.
        out[at] = random.whole(0x30, 0x7a);
        break;
      case 0:
        out[at] = (out[at] ?? 0) ^ (1 << random.whole(0, 7));
        break;
      case 1:
        out[at] = random.pick([0, 0x7f, 0x80, 0xff, random.whole(0, 255)]);
        break;
      case 2:
        out = Buffer.from(out.subarray(0, at));
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, to), out.subarray(at, to), out.subarray(to)]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), out.subarray(to)]);
        break;
      case 5:
        out = Buffer.concat([out.subarray(0, at), noise(random, random.whole(1, 12)), out.subarray(at)]);
        break;
      default:
        // A length that lies.
        out[Math.min(at, 4)] = random.whole(0, 255);
    }
  }
  return out;
}

interface BrokenFrame {
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

function brokenFrame(random: Random, message: Buffer): BrokenFrame {
  const path = random.oneIn(3) ? SUBSCRIBE : PUBLISH;
  const frame = grpcFrame(message);
  switch (random.whole(0, 7)) {
    case 0: // nothing, or half a prefix
      return { path, body: frame.subarray(0, random.whole(0, 4)), headers: {} };
    case 1: // less than promised
      return { path, body: frame.subarray(0, random.whole(5, frame.length - 1)), headers: {} };
    case 2: // two messages
      return { path, body: Buffer.concat([frame, frame]), headers: {} };
    case 3: // said to be compressed, and not
      return {
        path,
        body: grpcFrame(message, 1),
        headers: { 'grpc-encoding': random.pick(['gzip', 'deflate']) },
      };
    case 4: // compressed by what nobody knows
      return { path, body: grpcFrame(message, 1), headers: { 'grpc-encoding': 'lzma' } };
    case 5: // a flag that does not exist
      return { path, body: grpcFrame(message, random.whole(2, 255)), headers: {} };
    case 6: {
      // a size of gigabytes
      const body = Buffer.from(frame);
      body.writeUInt32BE(random.whole(0x7fffffff, 0xffffffff), 1);
      return { path, body, headers: {} };
    }
    default: // a subscription of noise: were it readable, it would stay open
      return {
        path: SUBSCRIBE,
        body: grpcFrame(
          Buffer.concat([
            Buffer.from([0x0a, 0x7f]),
            noise(random, random.whole(0, 30)),
            encodeSubscriptionRequest({ source: '', clusterName: '', dataType: '' }),
          ]),
        ),
        headers: {},
      };
  }
}

/** A connection whose bytes are no HTTP/2, or nearly. It ends when the broker closes it, or with silence. */
function brokenHttp2(random: Random, server: string, corpus: readonly Buffer[]): Promise<void> {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const parts = [random.oneIn(4) ? mutate(random, preface) : preface, settings];
  for (let frames = random.whole(1, 6); frames > 0; frames -= 1) {
    const payload = random.oneIn(2)
      ? noise(random, random.whole(0, 64))
      : mutate(random, random.pick(corpus));
    const head = Buffer.alloc(9);
    head.writeUIntBE(random.oneIn(8) ? random.whole(0, 0xffffff) : payload.length, 0, 3);
    head[3] = random.whole(0, 12);
    head[4] = random.whole(0, 255);
    head.writeUInt32BE(random.whole(0, 9), 5);
    parts.push(head, payload);
  }
  return new Promise((resolve) => {
    const socket = connect(Number(server.slice(server.lastIndexOf(':') + 1)), '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
    socket.end(Buffer.concat(parts));
    // What makes sense so far may stay open; the next one is waiting.
    socket.setTimeout(200, () => socket.destroy());
  });
}

function noise(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.whole(0, 255)));
}
