import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HandshakeFailure, HandshakeFailureReason } from '../engine.js';

/** By what Node and OpenSSL call it; the first that fits, in this order. */
const REASONS: readonly (readonly [RegExp, HandshakeFailureReason])[] = Object.freeze([
  [/HTTP_REQUEST|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE/, 'plaintext'],
  [/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_APPLICATION_PROTOCOL/, 'protocol'],
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, 'no-certificate'],
  [/CERT_HAS_EXPIRED/, 'certificate-expired'],
  [/CERT_NOT_YET_VALID/, 'certificate-not-yet-valid'],
  [/UNABLE_TO|SELF_SIGNED|INVALID_CA|CERT_|UNSPECIFIED/, 'certificate-untrusted'],
  [/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE|UNSUPPORTED_CERT)/, 'refused-by-client'],
  [/HANDSHAKE_TIMEOUT/, 'timeout'],
  [/ECONNRESET|EPIPE/, 'closed'],
]);

const TEXTS: Readonly<Record<HandshakeFailureReason, string>> = Object.freeze({
  plaintext: 'the client speaks plain text: this port serves TLS, use TLS at the client',
  protocol: 'the client offers no TLS 1.3 with HTTP/2 (ALPN h2)',
  'no-certificate': 'the client shows no certificate, and this port asks for one that its client CA signed',
  'certificate-untrusted': "the client's certificate was not signed by the client CA of this port",
  'certificate-expired': "the client's certificate has expired",
  'certificate-not-yet-valid': "the client's certificate is not valid yet: compare the clocks",
  'refused-by-client':
    "the client refuses the broker's certificate: the client must trust the CA that signed it",
  timeout: 'the client did not finish the handshake in time',
  closed:
    'the client closed the connection in the middle of the handshake: it may not trust the CA of the broker certificate',
  other: 'the handshake failed',
});

/**
 * What became of a handshake. Undefined: the peer sent nothing at all and went away, as probes of a load balancer do, which
 * says nothing about TLS.
 */
export function handshakeFailure(
  error: Error,
  socket: TLSSocket,
  raw: Pick<Socket, 'bytesRead' | 'remoteAddress' | 'remotePort'> | undefined,
): HandshakeFailure | undefined {
  const code = 'code' in error ? String(error.code) : '';
  // Node says ECONNRESET after it has itself turned a certificate down.
  const verify = socket.authorizationError as Error | string | null | undefined;
  const what = verify === undefined || verify === null ? code : String(verify);
  const reason = REASONS.find(([pattern]) => pattern.test(what))?.[1] ?? 'other';
  if (reason === 'closed' && raw?.bytesRead === 0) return undefined;
  return failureOf(reason, what === '' ? error.message : what, raw);
}

/** A failure that was found after the handshake. */
export function failureOf(
  reason: HandshakeFailureReason,
  detail: string,
  raw: Pick<Socket, 'remoteAddress' | 'remotePort'> | undefined,
): HandshakeFailure {
  const host = raw?.remoteAddress ?? 'unknown';
  const address = `${host.includes(':') ? `[${host}]` : host}:${raw?.remotePort ?? 0}`;
  return { address, reason, message: `${TEXTS[reason]} (${detail})` };
}
