import { CeBrokerError, type CeBrokerErrorCode } from 'ce-broker-proto';
import type { ConnectPhase } from './connector.js';
import type { GrpcOptionNames } from './grpc-options.js';

/** What is known of a connection that did not come to be. */
export interface FailedConnection {
  readonly server: string;
  readonly names: GrpcOptionNames;
  /** TLS was tried. */
  readonly encrypted: boolean;
  /** With a client certificate. */
  readonly identified: boolean;
  /** How far it came. */
  readonly phase: ConnectPhase;
  /** What the socket said last. */
  readonly error: Error | undefined;
  /** What gRPC says. */
  readonly details: string;
}

/**
 * Why a server cannot be reached, and what to do about it. `field` is the option to look at. The code is `unavailable` for what may pass
 * by itself, `failed_precondition` or, for a client certificate, `unauthenticated` for what somebody has to change.
 */
export function whyUnreachable(failed: FailedConnection): CeBrokerError {
  const { code = 'unavailable', field, message } = explain(failed);
  return new CeBrokerError(code, message, { field, cause: failed.error });
}

/** As {@link whyUnreachable}, when nothing came within the time. */
export function whySilent(failed: FailedConnection, timeoutMs: number): CeBrokerError {
  const { server, names } = failed;
  const within = `within ${timeoutMs / 1000} s`;
  const message =
    failed.phase === 'none'
      ? `cannot reach ${server}: no connection ${within}; ${names.url} must name the gRPC port of a broker, and no firewall may drop what goes there`
      : failed.phase === 'tcp' && failed.encrypted
        ? `${server} accepts connections, but did not finish the TLS handshake ${within}: does that port speak TLS?`
        : `${server} accepts connections, but did not speak gRPC ${within}${failed.encrypted ? '' : `: if it speaks TLS, give its CA as ${names.ca}`}`;
  return new CeBrokerError('deadline_exceeded', message, { field: names.url, cause: failed.error });
}

/** Waiting does not mend it. */
const LASTING = 'failed_precondition';

interface Explanation {
  readonly code?: CeBrokerErrorCode;
  readonly field: string;
  readonly message: string;
}

function explain(failed: FailedConnection): Explanation {
  const { server, names, phase, encrypted } = failed;
  const port = `${names.url} must name the gRPC port of a broker`;
  const url = (message: string): Explanation => ({ field: names.url, message });
  if (phase === 'none') {
    const [, refused] = /connect (E[A-Z]+)/.exec(failed.details) ?? [];
    if (refused === 'ECONNREFUSED') {
      return url(`cannot reach ${server} (connection refused): is a broker listening there? ${port}`);
    }
    if (refused !== undefined) return url(`cannot reach ${server} (${refused}); ${port}`);
    if (/^Name resolution failed/.test(failed.details)) {
      return url(`cannot reach ${server}: there is no address for that name; ${port}`);
    }
    return url(`cannot reach ${server}: ${lastError(failed.details)}; ${port}`);
  }
  const tls = encrypted ? tlsFailure(failed) : undefined;
  if (tls !== undefined) return tls;
  if (/protocol error/i.test(`${failed.details} ${failed.error?.message}`)) {
    const message = `${server} does not speak gRPC (it may be an HTTP port of a broker); ${port}`;
    return { code: LASTING, field: names.url, message };
  }
  if (!encrypted) {
    return {
      field: names.ca,
      message: `${server} ended the connection at once: if it speaks TLS, give the CA of its certificate as ${names.ca}`,
    };
  }
  if (phase === 'tcp') {
    return url(`${server} ended the connection during the TLS handshake (${reasonOf(failed)})`);
  }
  // Node's servers say nothing when they refuse a certificate.
  const maybe = failed.identified
    ? `refuse the client certificate in ${names.clientCert}`
    : `want a client certificate (${names.clientCert} and ${names.clientKey})`;
  return {
    field: names.clientCert,
    message: `${server} ended the connection right after the TLS handshake: it may ${maybe}`,
  };
}

/** What OpenSSL and Node call it, and what it means here. */
function tlsFailure(failed: FailedConnection): Explanation | undefined {
  const { server, names, error } = failed;
  const code = error !== undefined && 'code' in error ? String(error.code) : '';
  const text = `${code} ${reasonOf(failed)}`;
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(text)) {
    return {
      code: LASTING,
      field: names.ca,
      message: `${server} does not speak TLS: leave ${names.ca} out, or give ${names.url} a port that speaks it`,
    };
  }
  if (/ALTNAME|Hostname\/IP/.test(text)) {
    return {
      code: LASTING,
      field: names.url,
      message: `the certificate of ${server} is for another name${heldNames(error)}: ${names.url} must use a name that it holds`,
    };
  }
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)/.test(code)) {
    return { code: LASTING, field: names.url, message: `the certificate of ${server}: ${reasonOf(failed)}` };
  }
  if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|INVALID_CA)/.test(code)) {
    return {
      code: LASTING,
      field: names.ca,
      message: `the certificate of ${server} is not signed by the CA in ${names.ca} (${reasonOf(failed)})`,
    };
  }
  if (/ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) {
    return {
      code: LASTING,
      field: names.url,
      message: `${server} speaks no TLS 1.3, the only version that clients speak`,
    };
  }
  if (/ALERT_NO_APPLICATION_PROTOCOL/.test(code)) {
    return {
      code: LASTING,
      field: names.url,
      message: `${server} speaks TLS, but no HTTP/2, so no gRPC: ${names.url} must name the gRPC port of a broker`,
    };
  }
  const refusesClient =
    /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(EXPIRED|REVOKED)|ACCESS_DENIED|HANDSHAKE_FAILURE)/;
  if (!refusesClient.test(code)) return undefined;
  return {
    code: 'unauthenticated',
    field: names.clientCert,
    message: failed.identified
      ? `${server} refuses the client certificate in ${names.clientCert} (${reasonOf(failed)}): it must be valid, and signed by a CA that the server trusts`
      : `${server} wants a client certificate (mTLS): give one as ${names.clientCert} and ${names.clientKey} (${reasonOf(failed)})`,
  };
}

/** The names in a certificate: ` (DNS:broker.example)`. */
function heldNames(error: (Error & { cert?: { subjectaltname?: unknown } }) | undefined): string {
  const held = error?.cert?.subjectaltname;
  return typeof held === 'string' ? ` (${held})` : '';
}

/** In OpenSSL's words without its file names and line numbers, else in Node's without advice on its command line. */
function reasonOf({ error, details }: FailedConnection): string {
  if (error !== undefined && 'reason' in error && typeof error.reason === 'string') return error.reason;
  return (error?.message ?? lastError(details)).replace(/; if the root CA .*$/, '').trim();
}

/** Without what gRPC puts around it. */
function lastError(details: string): string {
  return details
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/ Resolution note: $/, '')
    .replace(/ \(\d{4}-[^()]*Z\)\.?$/, '')
    .trim()
    .replace(/\.$/, '');
}
