/** Who is at the other end. Without authentication everybody is `anonymous`. */
export interface Identity {
  /** The CN of a certificate, or the user of a token. */
  readonly user: string;
  /** The O values of a certificate, or the groups of a token. */
  readonly groups: readonly string[];
  /** What policy says this identity is; undefined: policy does not say. */
  readonly role: 'source' | 'agent' | undefined;
}

export const ANONYMOUS: Identity = Object.freeze({
  user: 'anonymous',
  groups: Object.freeze([]),
  role: undefined,
});
