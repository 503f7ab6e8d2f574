import type { ServerHttp2Stream } from 'node:http2';
import type { CloudEventTransport } from 'ce-broker-proto';
import { afterEach, describe, expect, test } from 'vitest';
import { connectGrpc } from '../../../src/transports/grpc/grpc-events-options.js';
import { Recorder } from './support/recorder.js';
import { frame, GRPC_HEADERS, RawServer, TestServer } from './support/test-server.js';

const SOURCE = { source: 's1', clusterName: '', dataType: '' };
const CANCEL = 8;

type Ending = (stream: ServerHttp2Stream, server: () => RawServer) => void;

function trailers(stream: ServerHttp2Stream, status: number, message = ''): void {
  stream.once('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': String(status), 'grpc-message': message }),
  );
  stream.end();
}

describe('however a server ends a subscription, it is told once, and says why', () => {
  let server: RawServer | undefined;
  let transport: CloudEventTransport | undefined;

  afterEach(async () => {
    await transport?.close();
    server?.stop();
  });

  const endings: { name: string; end: Ending; code: string; message: RegExp }[] = [
    { name: 'OK', end: (s) => trailers(s, 0), code: 'unavailable', message: /ended the subscription/ },
    {
      name: 'CANCELLED',
      end: (s) => trailers(s, 1, 'gone'),
      code: 'unavailable',
      message: /cancelled the subscription/,
    },
    {
      name: 'RESOURCE_EXHAUSTED',
      end: (s) => trailers(s, 8, 'too slow'),
      code: 'resource_exhausted',
      message: /too slow/,
    },
    { name: 'UNAVAILABLE', end: (s) => trailers(s, 14), code: 'unavailable', message: /UNAVAILABLE/ },
    { name: 'a status that gRPC does not know', end: (s) => trailers(s, 99), code: 'unknown', message: /99/ },
    { name: 'RST_STREAM(CANCEL)', end: (s) => s.close(CANCEL), code: 'unavailable', message: /cancelled/ },
    { name: 'RST_STREAM(INTERNAL_ERROR)', end: (s) => s.close(2), code: 'internal', message: /RST_STREAM/ },
    {
      name: 'RST_STREAM(NO_ERROR)',
      end: (s) => s.close(0),
      code: 'internal',
      message: /without gRPC status/,
    },
    { name: 'no trailers', end: (s) => s.close(0), code: 'internal', message: /without gRPC status/ },
    {
      name: 'half a message, then OK',
      end: (s) => {
        s.write(frame(Buffer.alloc(100)).subarray(0, 50));
        trailers(s, 0);
      },
      code: 'unavailable',
      message: /ended the subscription/,
    },
    {
      name: 'a compressed message that is none',
      end: (s) => s.write(Buffer.from([1, 0, 0, 0, 1, 7])),
      code: 'internal',
      message: /cannot be read/,
    },
    {
      name: 'a message over the limit',
      end: (s) => s.write(frame(Buffer.alloc(5 * 1024 * 1024))),
      code: 'resource_exhausted',
      message: /larger than max/,
    },
    { name: 'GOAWAY', end: (s) => s.session?.close(), code: 'goaway', message: /./ },
    {
      name: 'the connection closed',
      end: (s) => s.session?.destroy(),
      code: 'unavailable',
      message: /./,
    },
    { name: 'the connection reset', end: (_s, raw) => raw().cut(), code: 'unavailable', message: /./ },
  ];

  test.each(endings)('$name', async ({ end, code, message }) => {
    const started = await RawServer.start((stream) => {
      stream.respond({ ...GRPC_HEADERS, 'subscription-id': 'x' }, { waitForTrailers: true });
      stream.write(frame(Buffer.from('first')));
      go = () => end(stream, () => started);
    });
    let go: () => void = () => undefined;
    server = started;
    transport = await connectGrpc({ url: started.url });
    const lost = new Promise<string>((resolve) => transport?.onEnd?.(({ kind }) => resolve(kind)));
    const heard = new Recorder();
    await transport.subscribe(SOURCE, heard);
    await heard.received(1);
    go();
    if (code === 'goaway') {
      expect(await lost).toBe('lost');
      return;
    }
    expect(await heard.ended()).toMatchObject({ code, message: expect.stringMatching(message) });
    if (/connection/.test(message.source)) expect(await lost).toBe('lost');
    await transport.close();
    expect(heard.ends).toHaveLength(1);
  });

  test('a refusal before the headers rejects the subscribe, and the listener hears nothing', async () => {
    server = await RawServer.start((stream) =>
      stream.respond({ ...GRPC_HEADERS, 'grpc-status': '7', 'grpc-message': 'not you' }, { endStream: true }),
    );
    transport = await connectGrpc({ url: server.url });
    const heard = new Recorder();
    await expect(transport.subscribe(SOURCE, heard)).rejects.toMatchObject({
      code: 'permission_denied',
      message: 'not you',
    });
    expect(heard.ends).toEqual([]);
  });

  test('headers that never come are given up, and a publish is not held up by them', async () => {
    server = await RawServer.start((stream, path) => {
      if (!path.endsWith('Publish')) return;
      stream.respond(GRPC_HEADERS, { waitForTrailers: true });
      stream.write(frame(Buffer.alloc(0)));
      trailers(stream, 0);
    });
    transport = await connectGrpc({ url: server.url });
    const opening = transport.subscribe(SOURCE, new Recorder(), { timeoutMs: 200 });
    await transport.publish(Buffer.from([10, 1, 65]));
    await expect(opening).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  test('a server without the service is said to be no CloudEvents service', async () => {
    const http = await RawServer.start((stream) => stream.respond({ ':status': 404 }, { endStream: true }));
    server = http;
    transport = await connectGrpc({ url: http.url });
    await expect(transport.publish(Buffer.alloc(0))).rejects.toMatchObject({
      code: 'unimplemented',
      message: expect.stringContaining(`${http.url} is no CloudEvents service`),
    });
    await expect(transport.subscribe(SOURCE, new Recorder())).rejects.toMatchObject({
      code: 'unimplemented',
      message: expect.stringContaining('is no CloudEvents service'),
    });
  });

  test('after a loss the transport does not connect again', async () => {
    const first = await TestServer.start();
    transport = await connectGrpc({ url: first.url });
    const lost = new Promise<string>((resolve) =>
      transport?.onEnd?.(({ error }) => resolve(`${error.code} ${error.message}`)),
    );
    first.stop();
    expect(await lost).toMatch(/^unavailable .*connection to .* was lost/);
    const second = await TestServer.start(undefined, first.port);
    await expect(transport.publish(Buffer.from([10, 1, 65]))).rejects.toMatchObject({ code: 'unavailable' });
    expect(second.published).toEqual([]);
    second.stop();
  });
});
