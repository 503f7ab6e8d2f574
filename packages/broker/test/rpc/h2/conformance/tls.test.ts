import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestCa } from '../../support/certificates.js';
import { type Server, startServer } from './harness.js';
import { RawPeer } from './raw-peer.js';
import { call } from './rules.js';
import { headers, PREFACE, settings } from './wire.js';

let server: Server;
let ca: Buffer;
beforeAll(async () => {
  const authority = await TestCa.create('conformance');
  ca = authority.pem;
  const tls = {
    ...(await authority.issue('CN=localhost')),
    clientCa: undefined,
    clientCertificate: 'optional' as const,
  };
  server = await startServer({}, { tls });
});
afterAll(() => server[Symbol.asyncDispose]());

async function dial(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca, ...options });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  return socket;
}

function closed(socket: TLSSocket): Promise<unknown> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve));
}

describe('RFC 9113 §9.2, TLS', () => {
  test('§3.2: ALPN chooses h2', async () => {
    const socket = await dial({ ALPNProtocols: ['http/1.1', 'h2'] });
    expect(socket.alpnProtocol).toBe('h2');
    using peer = await RawPeer.connect(server.port, {
      socket,
      first: Buffer.concat([PREFACE, settings(), ...call(1, 'x')]),
    });
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§3.2: a client that does not offer h2 is not served', async () => {
    const socket = await dial({ ALPNProtocols: ['http/1.1'] });
    await closed(socket);
    expect(socket.alpnProtocol).not.toBe('http/1.1');
  });

  test('§9.2: TLS below 1.2 is not taken, nor, in this server, 1.2', async () => {
    for (const version of ['TLSv1.1', 'TLSv1.2'] as const) {
      const socket = await dial({ ALPNProtocols: ['h2'], minVersion: version, maxVersion: version });
      await closed(socket);
      expect(socket.getProtocol()).not.toBe(version);
    }
  });

  test('§9.2: a connection error over TLS says GOAWAY before the end, too', async () => {
    const socket = await dial({ ALPNProtocols: ['h2'] });
    expect(socket.getProtocol()).toBe('TLSv1.3');
    using peer = await RawPeer.connect(server.port, { socket });
    peer.send(headers(0, Buffer.alloc(0)));
    await peer.expectConnectionError('PROTOCOL_ERROR');
  });
});
