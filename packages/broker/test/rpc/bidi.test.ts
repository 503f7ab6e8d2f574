import { ServerInterceptingCall } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  attached,
  BUFFER,
  inProcess,
  LIMIT,
  own,
  raw,
  type Served,
  talking,
} from './support/bidi-callers.js';
import { TALK, TalkService } from './support/bidi-service.js';
import { ENGINES, grpcJs, grpcJsSlow } from './support/engines.js';

describe.each<[string, () => Promise<Served>]>([
  ...[...ENGINES, grpcJsSlow].map((engine): [string, () => Promise<Served>] => [
    `the sockets of ${engine.name}`,
    () => own(engine),
  ]),
  ['the server of somebody else', () => attached({})],
  [
    'the server of somebody else, with an interceptor',
    () => attached({ interceptors: [(_method, call) => new ServerInterceptingCall(call)] }),
  ],
  ['the same process', inProcess],
])('a stream in both directions over %s', (_name, start) => {
  it('carries messages both ways, in order, and ends with the status of its owner', async () => {
    await using served = await start();
    const { speaker, talk } = await talking(served);
    talk.eager = true;
    talk.stream.read();
    const many = Array.from({ length: 20_000 }, (_, index) => `m${index}`);
    for (const text of many) speaker.write(Buffer.from(text));
    await talk.messages(many.length);
    expect(talk.received.map(String)).toEqual(many);
    talk.stream.write(Buffer.from('a'));
    talk.stream.write(Buffer.from('b'));
    expect(await speaker.messages(2)).toEqual(['a', 'b']);
    speaker.halfClose();
    await talk.until(() => talk.halfClosedAfter !== undefined);
    expect(talk.halfClosedAfter).toBe(many.length);
    talk.stream.write(Buffer.from('last'));
    talk.stream.end(0, 'OK');
    expect((await speaker.done).status).toBe(0);
    expect(await speaker.messages(3)).toEqual(['a', 'b', 'last']);
    expect(await talk.over).toBe(false);
    expect(talk.closes).toBe(1);
    expect(served.stats().streams).toBe(0);
  });

  it('hands over no message that was not asked for', async () => {
    await using served = await start();
    const { speaker, talk } = await talking(served);
    for (const text of ['one', 'two', 'three']) speaker.write(Buffer.from(text));
    talk.stream.read();
    talk.stream.read();
    await talk.messages(1);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(talk.received.map(String)).toEqual(['one']);
    talk.stream.read();
    await talk.messages(2);
    talk.stream.read();
    await talk.messages(3);
    expect(talk.received.map(String)).toEqual(['one', 'two', 'three']);
  });

  it('holds a sender that is faster than its owner', async () => {
    await using served = await start();
    const { speaker, talk } = await talking(served);
    const message = Buffer.alloc(50_000, 'x');
    const sent = await speaker.flood(message, 64 * 1024 * 1024);
    // The window of the stream, what grpc-js reads ahead of a handler, and the socket's own buffers.
    expect(sent).toBeLessThan(4 * 1024 * 1024);
    expect(talk.received.length).toBe(0);
    talk.eager = true;
    talk.stream.read();
    await talk.until(() => talk.received.length * message.byteLength >= sent);
  });

  it('holds its owner when the client reads nothing', async () => {
    await using served = await start();
    const { speaker, talk } = await talking(served);
    speaker.pause();
    const message = Buffer.alloc(10_000, 'y');
    let written = 0;
    while (talk.stream.writableBytes() > 0) {
      talk.stream.write(message);
      written += 1;
    }
    expect(written * message.byteLength).toBeLessThan(BUFFER + 2 * message.byteLength);
    speaker.resume();
    await talk.until(() => talk.stream.writableBytes() > 0);
    expect((await speaker.messages(written)).length).toBe(written);
  });

  it('tells its owner of a client that cancels, also while nothing is asked for', async () => {
    await using served = await start();
    const { speaker, talk } = await talking(served);
    speaker.write(Buffer.alloc(1_000));
    speaker.cancel();
    expect(await talk.over).toBe(true);
    expect(talk.closes).toBe(1);
    expect(talk.halfClosedAfter).toBeUndefined();
  });

  it('refuses a message over the limit, and what its owner throws is an internal error', async () => {
    await using served = await start();
    const first = await talking(served);
    first.talk.stream.read();
    first.speaker.write(Buffer.alloc(LIMIT + 1));
    expect((await first.speaker.done).status).toBe(8);
    await first.talk.over;
    expect(first.talk.received.length).toBe(0);
    const second = await talking(served);
    second.talk.stream.read();
    second.speaker.write(Buffer.from('throw'));
    expect((await second.speaker.done).status).toBe(13);
    const third = served.caller.open({ 'x-throw': '1' });
    expect((await third.done).status).toBe(13);
    expect(served.faults.length).toBe(2);
  });

  it('says nothing more once it has ended', async () => {
    await using served = await start();
    const { speaker, talk } = await talking(served);
    talk.eager = true;
    talk.stream.read();
    talk.stream.end(9, 'enough');
    speaker.write(Buffer.from('late'));
    expect(await speaker.done).toMatchObject({ status: 9, message: 'enough' });
    expect(await talk.over).toBe(false);
    expect(talk.received.length).toBe(0);
    talk.stream.read();
    talk.stream.write(Buffer.from('nothing'));
  });
});

describe.each(ENGINES)('when the connection ends, $name', ({ make }) => {
  async function draining() {
    const service = new TalkService();
    const engine = make({
      methods: service.methods,
      tls: undefined,
      maxMessageBytes: LIMIT,
      streamBufferBytes: BUFFER,
      keepaliveTimeMs: 30_000,
      keepaliveTimeoutMs: 10_000,
    });
    const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
    const { caller, client } = await raw(port);
    const next = service.next();
    const speaker = caller.open();
    return { engine, client, speaker, talk: await next };
  }

  it('a stream whose owner wants to answer first is waited for, and then the connection goes', async () => {
    const { engine, client, speaker, talk } = await draining();
    talk.answersFirst = true;
    const drained = engine.drain(20_000);
    await talk.until(() => talk.toldEnding !== undefined);
    expect(talk.toldEnding).toBe('14 the server is shutting down');
    let gone = false;
    void client.goaway.then(() => {
      gone = true;
    });
    talk.stream.write(Buffer.from('answer'));
    expect(await speaker.messages(1)).toEqual(['answer']);
    expect(gone).toBe(false);
    talk.stream.end(14, 'bye');
    expect(await speaker.done).toMatchObject({ status: 14, message: 'bye' });
    speaker.halfClose();
    await drained;
    await client.closed;
    expect(talk.closes).toBe(1);
  });

  it('another one ends at once', async () => {
    const { engine, client, speaker, talk } = await draining();
    const drained = engine.drain(20_000);
    expect(await speaker.done).toMatchObject({ status: 14, message: 'the server is shutting down' });
    await drained;
    await client.closed;
    expect(await talk.over).toBe(false);
  });
});

it('grpc-js: compressed messages are refused before anything is inflated', async () => {
  await using served = await own(grpcJs);
  const speaker = served.caller.open({ 'grpc-encoding': 'gzip' });
  expect((await speaker.done).status).toBe(12);
  expect(served.service.talks.length).toBe(0);
});

it.each(ENGINES)(
  'a client that never ends its side holds neither stream nor connection, $name',
  async (engine) => {
    await using served = await own(engine);
    const next = served.service.next();
    const { client } = await raw(served.port);
    const call = client.open(TALK, undefined).read();
    const talk = await next;
    talk.stream.write(Buffer.from('one'));
    talk.stream.end(9, 'enough');
    expect(await call.done).toMatchObject({ status: 9, message: 'enough', messages: [Buffer.from('one')] });
    client.close();
  },
);

it('inside the process an owner that answers first is let finish, unless the broker is gone', async () => {
  await using served = await inProcess();
  const { speaker, talk } = await talking(served);
  talk.answersFirst = true;
  talk.stream.endConnection(8, 'too slow', 0);
  expect(await speaker.done).toMatchObject({ status: 8, message: 'too slow' });
  const other = await inProcess();
  const second = await talking(other);
  second.talk.answersFirst = true;
  await other[Symbol.asyncDispose]();
  expect((await second.speaker.done).status).toBe(14);
});
