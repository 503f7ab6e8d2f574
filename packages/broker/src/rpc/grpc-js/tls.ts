import { createServer, type PeerCertificate, type Server, type TLSSocket } from 'node:tls';
import type { RpcTls } from '../engine.js';
import type { PeerCertificateName } from '../peer.js';

const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * A TLS 1.3 server that listens nowhere: raw sockets are handed to it. A new certificate means a new one of these, so that
 * open connections keep what they have and nobody resumes a session that an older CA let in.
 *
 * Throws what OpenSSL says of a broken certificate or key.
 */
export function createTlsTerminator(tls: RpcTls, secured: (socket: TLSSocket) => void): Server {
  const server = createServer({
    cert: Buffer.from(tls.cert),
    key: Buffer.from(tls.key),
    ca: tls.clientCa === undefined ? undefined : Buffer.from(tls.clientCa),
    requestCert: tls.clientCa !== undefined,
    rejectUnauthorized: tls.clientCa !== undefined && tls.clientCertificate === 'required',
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  server.on('secureConnection', (socket) => {
    // An optional certificate that does not verify is no identity, and neither is one whose day has passed since the session began.
    if (socket.authorized && isExpired(socket.getPeerCertificate(), Date.now())) socket.destroy();
    else secured(socket);
  });
  // A failed handshake is the peer's affair; Node has closed the socket.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
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
