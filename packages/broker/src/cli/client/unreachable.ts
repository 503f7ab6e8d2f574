/**
 * Why a server cannot be reached, and what to do about it, from what gRPC says of it.
 * @param encrypted TLS was tried
 */
export function whyUnreachable(server: string, reason: string, encrypted: boolean): string {
  const refused = /connect (E[A-Z]+)/.exec(reason)?.[1];
  if (refused === 'ECONNREFUSED') {
    return `cannot reach ${server} (connection refused): is a broker listening there? --server names its gRPC port`;
  }
  if (refused !== undefined)
    return `cannot reach ${server} (${refused}); --server names the gRPC port of a broker`;
  if (reason.startsWith('Name resolution failed')) {
    return `cannot reach ${server}: there is no address for that name; --server names the gRPC port of a broker`;
  }
  if (/wrong version number|packet length too long/.test(reason)) {
    return `${server} does not speak TLS: leave --ca out, or give --server a port that speaks it`;
  }
  if (/unable to (verify|get)|self.signed|certificate signature failure/i.test(reason)) {
    return `the certificate of ${server} is not signed by the CA in --ca (${lastError(reason)})`;
  }
  if (/altnames|Hostname\/IP/.test(reason)) return `${server}: ${lastError(reason)}`;
  if (reason.includes('Protocol error')) {
    return `${server} does not speak gRPC (protocol error): this may be the admin port of a broker; --server names its gRPC port`;
  }
  if (!encrypted && /^No connection established.*(Failed to connect|ECONNRESET)/s.test(reason)) {
    return `${server} ended the connection at once: if it speaks TLS, give the CA of its certificate with --ca`;
  }
  return `${server}: ${lastError(reason)}`;
}

/** Without what gRPC puts around it. */
function lastError(reason: string): string {
  return reason
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/ Resolution note: $/, '')
    .replace(/ \(\d{4}-[^()]*Z\)\.?$/, '')
    .trim()
    .replace(/\.$/, '');
}
