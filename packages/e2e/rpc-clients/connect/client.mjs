// connect-node, over its gRPC transport, as a client: plays the scenarios of ../README.md.
//   node client.mjs SCENARIO HOST:PORT [--FLAG VALUE ...]
// The messages come from the file of descriptors that CE_BROKER_DESCRIPTORS names.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, encodeBinaryHeader } from '@connectrpc/connect';
import { compressionGzip, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';

const SERVICE = 'io.cloudevents.v1.CloudEventService';
const TYPE = 'io.ce-broker.test.v1.widgets';
const TIMEOUT_MS = 30_000;

const string = { type: 'string' };
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ca: string,
    cert: string,
    key: string,
    token: string,
    cluster: { ...string, default: 'connect' },
    count: { ...string, default: '1000' },
    bytes: { ...string, default: '1000' },
    'interval-ms': string,
  },
});
const [scenario = '', address = ''] = positionals;

const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(process.env['CE_BROKER_DESCRIPTORS'])),
);
const service = (name) => registry.getService(name);
const message = (name, fields = {}) => create(registry.getMessage(name), fields);
const CloudEvent = 'io.cloudevents.v1.CloudEvent';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function say(check, fields) {
  process.stdout.write(`${JSON.stringify({ check, ...fields })}\n`);
}

/** Waits for the test. */
async function goOn() {
  if ((await lines.next()).done) throw new Error('the test has gone');
}

function transport(options = {}) {
  const { ca, cert, key, 'interval-ms': interval } = flags;
  const read = (file) => (file === undefined ? undefined : readFileSync(file));
  const url = `${ca === undefined ? 'http' : 'https'}://${address}`;
  const pings =
    interval === undefined
      ? {}
      : { pingIntervalMs: Number(interval), pingTimeoutMs: 2_000, pingIdleConnection: true };
  const secrets = ca === undefined ? {} : { ca: read(ca), cert: read(cert), key: read(key) };
  const sessionManager = new Http2SessionManager(url, pings, secrets);
  return { sessionManager, made: createGrpcTransport({ baseUrl: url, sessionManager, ...options }) };
}

const { made: channel, sessionManager } = transport();
const events = createClient(service(SERVICE), channel);
const broker = createClient(service('ce_broker.v1.Broker'), channel);

function data(size) {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 1) bytes[i] = 31 * i + (i >> 8);
  return bytes;
}

function eventOf(name, binaryData = Buffer.from('{}'), type = `${TYPE}.spec.create_request`) {
  const id = `${flags.cluster}-${name}`;
  const attribute = (kind, value) => ({ attr: { case: kind, value } });
  return message(CloudEvent, {
    id,
    source: 'rpc-clients',
    specVersion: '1.0',
    type,
    attributes: {
      'ce-resourceid': attribute('ceString', id),
      'ce-resourceversion': attribute('ceInteger', 1),
      'ce-clustername': attribute('ceString', flags.cluster),
      contenttype: attribute('ceString', 'application/octet-stream'),
    },
    data: { case: 'binaryData', value: binaryData },
  });
}

/** Code and message of a call. */
async function outcome(call) {
  try {
    await call;
    return { code: 'OK', message: '' };
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return { code: nameOf(code), message: rawMessage };
  }
}

/** A code as gRPC spells it. */
function nameOf(code) {
  if (code === Code.Canceled) return 'CANCELLED';
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}

const codeOf = async (call) => (await outcome(call)).code;

function publish(name, bytes, options = {}, client = events) {
  return client.publish({ event: eventOf(name, bytes) }, { timeoutMs: TIMEOUT_MS, ...options });
}

/** A subscription: `ids` once its headers are here, `next` for events, `end` with the code with which it ends. */
function open(options = {}) {
  const { promise: ids, resolve, reject } = withResolvers();
  const stop = new AbortController();
  const stream = events
    .subscribe(
      { clusterName: flags.cluster, dataType: TYPE },
      {
        signal: stop.signal,
        // Several values of a header come joined.
        onHeader: (headers) => resolve((headers.get('subscription-id') ?? '').split(', ').filter(Boolean)),
        ...options,
      },
    )
    [Symbol.asyncIterator]();
  // The call goes out with the first question for a message.
  let first = stream.next();
  first.catch(reject);
  ids.catch(() => undefined);
  const step = () => {
    const taken = first ?? stream.next();
    first = undefined;
    return taken;
  };
  return {
    ids,
    cancel: () => stop.abort(),
    async next() {
      for (;;) {
        const { done, value } = await step();
        if (done) throw new Error('the stream ended');
        if (!value.type.endsWith('.heartbeat')) return value;
      }
    },
    end: () =>
      codeOf(
        (async () => {
          while (!(await step()).done);
        })(),
      ),
  };
}

function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((good, bad) => {
    resolve = good;
    reject = bad;
  });
  return { promise, resolve, reject };
}

function count(list) {
  const counts = {};
  for (const item of list) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}

async function sum(promises) {
  return (await Promise.all(promises)).reduce((all, one) => all + one, 0);
}

function received({ id, data: { value } }) {
  say('received', { id, bytes: value.length, sha256: createHash('sha256').update(value).digest('hex') });
}

async function oneEvent(client = events) {
  const stream = open();
  say('headers', { ids: await stream.ids });
  say('published', { code: await codeOf(publish('event', data(Number(flags.bytes)), {}, client)) });
  received(await stream.next());
}

/** What is written to a stream while it is open. */
class Outbox {
  #waiting = [];
  #wake = () => undefined;
  #over = false;

  push(value) {
    this.#waiting.push(value);
    this.#wake();
  }

  end() {
    this.#over = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#over) return;
      else
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

function batch(first, length, name = 'e') {
  const encoded = Array.from({ length }, (_, index) =>
    toBinary(registry.getMessage(CloudEvent), eventOf(`${name}${first + index}`)),
  );
  return { firstSequence: BigInt(first), events: encoded };
}

const scenarios = {
  async services() {
    const health = createClient(service('grpc.health.v1.Health'), channel);
    const answers = await Promise.all(['', SERVICE].map((name) => health.check({ service: name })));
    const { values } = registry.getEnum('grpc.health.v1.HealthCheckResponse.ServingStatus');
    say('health', { statuses: answers.map(({ status }) => values.find((v) => v.number === status)?.name) });
    const reflection = createClient(service('grpc.reflection.v1.ServerReflection'), channel);
    const questions = new Outbox();
    questions.push({ messageRequest: { case: 'listServices', value: '' } });
    questions.end();
    for await (const { messageResponse } of reflection.serverReflectionInfo(questions))
      say('reflection', { services: messageResponse.value.service.map(({ name }) => name).sort() });
    say('describe', { features: (await broker.describe({})).features.sort() });
  },

  events: () => oneEvent(),

  async stream() {
    const batches = new Outbox();
    let acknowledged = 0;
    let refused = 0;
    let sent = 1;
    batches.push(batch(1, 1));
    const code = await codeOf(
      (async () => {
        for await (const answer of broker.publishStream(batches, { timeoutMs: TIMEOUT_MS })) {
          acknowledged = Math.max(acknowledged, Number(answer.acknowledged));
          refused += answer.refusals.length;
          if (acknowledged < sent || sent > 50) continue;
          sent += 1;
          if (sent <= 50) {
            batches.push(batch(sent, 1));
            continue;
          }
          for (let first = 51; first <= 1050; first += 5) batches.push(batch(first, 5));
          batches.end();
        }
      })(),
    );
    say('stream', { acknowledged, refused, code });
  },

  async large() {
    await oneEvent();
    say('over', { code: await codeOf(publish('over', data(4 * 1024 * 1024 + 1))) });
    say('after', { code: await codeOf(publish('after')) });
  },

  async deadline() {
    const begun = performance.now();
    const code = await open({ timeoutMs: 500 }).end();
    say('deadline', { code, early: performance.now() - begun < 450 });
    say('after', { code: await codeOf(publish('after')) });
  },

  async cancel() {
    const streams = Array.from({ length: 10 }, () => open());
    say('subscribed', { count: await sum(streams.map(async ({ ids }) => (await ids).length)) });
    await goOn();
    for (const stream of streams) stream.cancel();
    say('cancelled', { codes: count(await Promise.all(streams.map((stream) => stream.end()))) });
    await goOn();
    say('after', { code: await codeOf(publish('after')) });
  },

  async metadata() {
    say('anonymous', await outcome(publish('anonymous')));
    const headers = new Headers({ authorization: `Bearer ${flags.token}`, 'x-long': 'l'.repeat(8192) });
    headers.append('x-trace-bin', encodeBinaryHeader(Uint8Array.from({ length: 256 }, (_, i) => i)));
    headers.append('x-trace-bin', encodeBinaryHeader(Uint8Array.of(0)));
    say('known', { code: await codeOf(publish('known', undefined, { headers })) });
  },

  async errors() {
    const other = (changes) =>
      codeOf(
        channel.unary(
          { ...service(SERVICE).method.publish, ...changes },
          undefined,
          TIMEOUT_MS,
          undefined,
          {},
        ),
      );
    const nowhere = { ...service(SERVICE), typeName: 'no.such.Service' };
    say('method', { code: await other({ name: 'Unpublish' }) });
    say('service', { code: await other({ parent: nowhere }) });
    const bad = { event: eventOf('bad', undefined, 'größe.ß') };
    say('type', await outcome(events.publish(bad, { timeoutMs: TIMEOUT_MS })));
    const nobody = events.subscribe({ dataType: TYPE }, { timeoutMs: TIMEOUT_MS })[Symbol.asyncIterator]();
    say('subscription', { code: await codeOf(nobody.next()) });
  },

  async gzip() {
    const { made } = transport({ sendCompression: compressionGzip, compressMinBytes: 0 });
    const squeezing = createClient(service(SERVICE), made);
    await oneEvent(squeezing);
    say('bomb', { code: await codeOf(publish('bomb', new Uint8Array(8 * 1024 * 1024), {}, squeezing)) });
    say('after', { code: await codeOf(publish('after', undefined, {}, squeezing)) });
  },

  async many() {
    const streams = Array.from({ length: Number(flags.count) }, () => open());
    say('subscribed', { count: await sum(streams.map(async ({ ids }) => (await ids).length)) });
    await publish('all');
    const got = await Promise.all(streams.map((stream) => stream.next()));
    say('received', { count: got.filter(({ id }) => id.endsWith('-all')).length });
    flags.cluster += '-quiet';
    const codes = [];
    let next = 0;
    const work = async () => {
      while (next < 2000) codes.push(await codeOf(publish(`m${next++}`)));
    };
    await Promise.all(Array.from({ length: 1000 }, work));
    say('published', { codes: count(codes) });
  },

  async aging() {
    let told = false;
    goOn().then(() => {
      told = true;
    });
    const codes = [];
    while (!told) {
      const calls = Array.from({ length: 32 }, (_, index) => codeOf(publish(`a${codes.length + index}`)));
      codes.push(...(await Promise.all(calls)));
    }
    say('published', { codes: count(codes) });
  },

  async load() {
    const codes = [];
    const publishAll = async (worker) => {
      for (let number = 0, code = 'OK'; code === 'OK'; number += 1) {
        code = await codeOf(publish(`w${worker}-${number}`));
        codes.push(code);
        if (codes.length === 200) say('running');
      }
    };
    const stream = async (worker) => {
      const batches = new Outbox();
      let number = 1;
      batches.push(batch(1, 1, `s${worker}-`));
      const code = await codeOf(
        (async () => {
          for await (const _ of broker.publishStream(batches))
            batches.push(batch(++number, 1, `s${worker}-`));
        })(),
      );
      batches.end();
      return code;
    };
    const opened = Array.from({ length: 16 }, () => open());
    for (const { ids } of opened) await ids;
    const ends = opened.map((subscription) => subscription.end());
    const streams = Array.from({ length: 4 }, (_, worker) => stream(worker));
    await Promise.all(Array.from({ length: 64 }, (_, worker) => publishAll(worker)));
    const subscriptions = count(await Promise.all(ends));
    say('over', { calls: count(codes), subscriptions, streams: count(await Promise.all(streams)) });
  },

  async keepalive() {
    const stream = open();
    say('subscribed', { count: (await stream.ids).length });
    await goOn();
    await publish('event');
    received(await stream.next());
    say('ended', { code: await stream.end() });
  },

  async pings() {
    const stream = open();
    say('subscribed', { count: (await stream.ids).length });
    say('ended', { code: await stream.end() });
  },

  async publish() {
    say('published', { code: await codeOf(publish('event', undefined, { timeoutMs: 5_000 })) });
  },
};

await scenarios[scenario]();
sessionManager.abort();
process.exit(0);
