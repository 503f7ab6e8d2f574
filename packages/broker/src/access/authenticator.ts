import { CeBrokerError } from 'ce-broker-proto';
import { ANONYMOUS, type Identity } from './identity.js';
import type { Roles } from './roles.js';
import type { TokenTable } from './token-table.js';

/** What a peer shows of itself. */
export interface Credentials {
  /** Subject of the verified client certificate; undefined without one. */
  readonly certificate:
    | { readonly commonName: string; readonly organizations: readonly string[] }
    | undefined;
  /** The `authorization` header; undefined without one. */
  readonly authorization: string | undefined;
}

/** One way to tell who somebody is. Undefined: these credentials say nothing to it, ask the next. */
export interface Authenticator {
  /** What it asks for, for the text of a refusal. */
  readonly wants: string;
  authenticate(credentials: Credentials): Identity | undefined;
}

/** mTLS: the subject's CN is the user, its O values are the groups (as the Go SDK's server reads it). */
export class CertificateAuthenticator implements Authenticator {
  readonly wants = 'a client certificate signed by the client CA, with a common name';
  readonly #roles: Roles;

  constructor(roles: Roles) {
    this.#roles = roles;
  }

  authenticate({ certificate }: Credentials): Identity | undefined {
    if (certificate === undefined || certificate.commonName === '') return undefined;
    return this.#roles.identity(certificate.commonName, certificate.organizations);
  }
}

/** `authorization: Bearer <token>`, looked up in a table of known tokens. */
export class TokenAuthenticator implements Authenticator {
  readonly wants = 'a known token in the header "authorization: Bearer <token>"';
  readonly #roles: Roles;
  readonly #table: () => TokenTable;

  /** @param table the table of this moment: a token file may change */
  constructor(roles: Roles, table: () => TokenTable) {
    this.#roles = roles;
    this.#table = table;
  }

  authenticate({ authorization }: Credentials): Identity | undefined {
    if (authorization === undefined) return undefined;
    const token = /^Bearer +(.+)$/i.exec(authorization)?.[1]?.trim();
    if (token === undefined) return undefined;
    const owner = this.#table().find(token);
    return owner === undefined ? undefined : this.#roles.identity(owner.user, owner.groups);
  }
}

/**
 * The authenticators in order; the first that knows the peer decides. Without any nobody is asked: who shows a certificate (on a
 * server of the user's own) is known by it, everybody else is anonymous.
 */
export class AuthenticatorChain {
  readonly #links: readonly Authenticator[];
  readonly #anonymous: Identity;
  readonly #unasked: CertificateAuthenticator;
  /** False: the `authorization` header makes no difference. */
  readonly readsHeader: boolean;

  constructor(links: readonly Authenticator[], roles: Roles) {
    this.#links = links;
    this.#unasked = new CertificateAuthenticator(roles);
    this.readsHeader = links.some((link) => link instanceof TokenAuthenticator);
    this.#anonymous = roles.identity(ANONYMOUS.user, ANONYMOUS.groups);
  }

  /** Whom the token in the header stands for; undefined: nobody that is known. */
  ofToken(authorization: string): Identity | undefined {
    for (const link of this.#links) {
      const identity = link.authenticate({ certificate: undefined, authorization });
      if (identity !== undefined) return identity;
    }
    return undefined;
  }

  /** Throws `unauthenticated`, and says what would do. */
  identify(credentials: Credentials): Identity {
    if (this.#links.length === 0) return this.#unasked.authenticate(credentials) ?? this.#anonymous;
    for (const link of this.#links) {
      const identity = link.authenticate(credentials);
      if (identity !== undefined) return identity;
    }
    const given =
      credentials.authorization === undefined ? 'no credentials were given' : 'the given token is not known';
    const wanted = this.#links.map((link) => link.wants).join(', or ');
    throw new CeBrokerError('unauthenticated', `${given}: this broker asks for ${wanted}`, {
      field: 'authorization',
    });
  }
}
