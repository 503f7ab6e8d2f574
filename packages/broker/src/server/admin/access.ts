import type { IncomingMessage } from 'node:http';
import { CeBrokerError } from 'ce-broker-proto';
import type { Identity } from '../../access/identity.js';
import { isLoopback } from '../address.js';

/** Who stands behind an `authorization` header; undefined: nobody that is known. */
export type IdentityOf = (authorization: string) => Identity | undefined;

/** Who asks, where payloads are shown: the user of a known token, or `admin` on this machine. Throws `permission_denied`. */
export function trusted(request: IncomingMessage, identityOf: IdentityOf): string {
  const who = known(request, identityOf);
  if (who !== undefined) return who.user;
  if (isHere(request)) return 'admin';
  throw new CeBrokerError(
    'permission_denied',
    'who is connected and what the broker holds is shown to this machine only, or with a known bearer token',
  );
}

/**
 * Who changes something. A browser sends the page's Origin with every POST: a page of another host may not make its reader's browser
 * change a broker. An identity that is an agent by policy is a cluster, not an operator.
 */
export function trustedToChange(request: IncomingMessage, identityOf: IdentityOf): string {
  const { origin, host } = request.headers;
  if (origin !== undefined && !isSameHost(origin, host)) {
    throw new CeBrokerError(
      'permission_denied',
      `a page of ${origin} may not change this broker: send the request without Origin, or from ${host ?? 'this host'}`,
    );
  }
  const who = known(request, identityOf);
  if (who?.role === 'agent') {
    throw new CeBrokerError(
      'permission_denied',
      `${who.user} is an agent (roles): agents do not change what the broker holds; use an operator's token`,
    );
  }
  if (who !== undefined) return who.user;
  if (isHere(request)) return 'admin';
  throw new CeBrokerError(
    'permission_denied',
    'changes are taken from this machine only, or with a known bearer token',
  );
}

function known({ headers }: IncomingMessage, identityOf: IdentityOf): Identity | undefined {
  return headers.authorization === undefined ? undefined : identityOf(headers.authorization);
}

/** The Host header keeps web pages out that make a browser call this port by another name. */
function isHere({ headers, socket }: IncomingMessage): boolean {
  const host = (headers.host ?? 'localhost').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return isLoopback(socket.remoteAddress ?? '') && isLoopback(host);
}

function isSameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}
