import { X509Certificate } from 'node:crypto';
import { Socket } from 'node:net';
import {
  createSecureContext,
  createServer,
  type PeerCertificate,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { CeBrokerError } from 'ce-broker-proto';
import type { HandshakeFailure, RpcTls } from '../engine.js';
import type { PeerCertificateName } from '../peer.js';
import { failureOf, handshakeFailure } from './handshake-failure.js';

const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * A TLS 1.3 server that listens nowhere: raw sockets are handed to it. A new certificate means a new one of these, so that
 * open connections keep what they have and nobody resumes a session that an older CA let in.
 *
 * Throws CeBrokerError `invalid_option` that names `tls.cert`, `tls.key` or `tls.clientCa`.
 */
export function createTlsTerminator(
  tls: RpcTls,
  secured: (socket: TLSSocket) => void,
  failed: (failure: HandshakeFailure) => void,
): Server {
  const server = refusingBroken(tls, () =>
    createServer({
      cert: Buffer.from(tls.cert),
      key: Buffer.from(tls.key),
      ca: tls.clientCa === undefined ? undefined : Buffer.from(tls.clientCa),
      requestCert: tls.clientCa !== undefined,
      rejectUnauthorized: tls.clientCa !== undefined && tls.clientCertificate === 'required',
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    }),
  );
  server.on('secureConnection', (socket) => {
    // An optional certificate that does not verify is no identity, and neither is one whose day has passed since the session began.
    if (socket.authorized && isExpired(socket.getPeerCertificate(), Date.now())) {
      failed(failureOf('certificate-expired', 'session resumed', socket));
      socket.destroy();
    } else secured(socket);
  });
  // A failed handshake is the peer's affair; Node has closed the socket.
  server.on('tlsClientError', (error, socket) => {
    const failure = handshakeFailure(error, socket, rawSocket(socket));
    socket.destroy();
    if (failure !== undefined) failed(failure);
  });
  return server;
}

/** The TCP socket beneath, which still knows its peer when the TLS socket has forgotten it; Node keeps it in a private field. */
export function rawSocket(socket: TLSSocket): Socket | undefined {
  const raw: unknown = Reflect.get(socket, '_parent');
  return raw instanceof Socket ? raw : undefined;
}

/** OpenSSL's words do not say which of the three they are about. */
function refusingBroken<T>(tls: RpcTls, make: () => T): T {
  const [cert, key] = [Buffer.from(tls.cert), Buffer.from(tls.key)];
  const { clientCa } = tls;
  if (clientCa !== undefined) named('tls.clientCa', () => new X509Certificate(clientCa));
  named('tls.cert', () => createSecureContext({ cert }));
  named('tls.key', () => createSecureContext({ key }));
  // Each is well by itself: what is left is that they do not belong together.
  return named('tls.key', make);
}

function named<T>(field: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('invalid_option', `${field} cannot be used: ${why}`, { field, cause });
  }
}

function isExpired(certificate: PeerCertificate, now: number): boolean {
  return certificate.valid_to !== undefined && Date.parse(certificate.valid_to) < now;
}

/** CN and O values of a verified client certificate; undefined without one. */
export function certificateName(socket: TLSSocket): PeerCertificateName | undefined {
  return socket.authorized ? subjectName(socket.getPeerCertificate()) : undefined;
}

/** CN and O values of a certificate's subject; undefined when it has none. */
export function subjectName(certificate: PeerCertificate): PeerCertificateName | undefined {
  const subject: unknown = certificate.subject;
  if (typeof subject !== 'object' || subject === null) return undefined;
  const names = subject as Readonly<Record<string, string | string[] | undefined>>;
  return {
    // Of several common names Go takes the last.
    commonName: toList(names['CN']).at(-1) ?? '',
    organizations: toList(names['O']),
  };
}

function toList(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : [...value];
}
