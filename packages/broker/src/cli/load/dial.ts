import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { HuffmanDecoder } from './huffman.js';

export interface RawTls {
  /** PEM of the CA that signed the server's certificate. */
  readonly ca: Uint8Array | string;
  /** PEM of the client certificate and its key (mTLS). */
  readonly cert?: Uint8Array | string | undefined;
  readonly key?: Uint8Array | string | undefined;
  /** Name that the server's certificate must carry. Default: the host. */
  readonly serverName?: string | undefined;
}

export interface RawConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** Full method path of every request on this connection. */
  readonly path: string;
  readonly tls: RawTls | undefined;
  /** Sent as `authorization: Bearer TOKEN`. */
  readonly token: string | undefined;
  readonly connectTimeoutMs: number;
  readonly huffman: HuffmanDecoder;
}

/** What a socket without TLS has read is handed over before the next one reads: one buffer serves all of them, and none is made for each read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

/** Starts a connection; `socket` is connected when it emits the event named. The bytes that `read` is given are borrowed. */
export function dial(
  options: RawConnectionOptions,
  read: (chunk: Buffer) => void,
): { socket: Socket; connected: string } {
  const { tls, host, port } = options;
  if (tls === undefined) {
    const callback = (bytes: number): boolean => {
      read(READ_BUFFER.subarray(0, bytes));
      return true;
    };
    const socket = connectTcp({ host, port, onread: { buffer: READ_BUFFER, callback } });
    socket.setNoDelay(true);
    return { socket, connected: 'connect' };
  }
  const socket = connectTls({
    host,
    port,
    ca: toPem(tls.ca),
    cert: tls.cert === undefined ? undefined : toPem(tls.cert),
    key: tls.key === undefined ? undefined : toPem(tls.key),
    servername: tls.serverName ?? host,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
  });
  socket.setNoDelay(true);
  socket.on('data', read);
  return { socket, connected: 'secureConnect' };
}

/** The headers of every request on such a connection, in the order of real clients. */
export function requestHeaders(options: RawConnectionOptions): (readonly [string, string])[] {
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return [
    [':method', 'POST'],
    [':scheme', options.tls === undefined ? 'http' : 'https'],
    [':path', options.path],
    [':authority', `${host}:${options.port}`],
    ['content-type', 'application/grpc'],
    ['user-agent', 'ce-broker-bench'],
    ['te', 'trailers'],
    ...(options.token === undefined ? [] : [['authorization', `Bearer ${options.token}`] as const]),
  ];
}

function toPem(value: Uint8Array | string): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value);
}
