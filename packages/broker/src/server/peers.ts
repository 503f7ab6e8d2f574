import { CeBrokerError } from 'ce-broker-proto';
import type { AuthenticatorChain } from '../access/authenticator.js';
import type { Identity } from '../access/identity.js';
import type { RpcPeer } from '../rpc/index.js';

/** What the broker knows of one connection; it lives in the peer's `context`. */
export interface PeerState {
  identity: Identity;
  /** The header that the identity was found by; undefined: without one. */
  authorization: string | undefined;
  /** The token table that it was found in. */
  generation: number;
  /** Its identity was given, not found: a connection inside the process. */
  readonly fixed: boolean;
  /** Open subscriptions. */
  subscriptions: number;
  /** Open streams of publishes. */
  publishStreams: number;
}

/** Who is at the other end of a connection: asked once, then remembered with it. */
export class Peers {
  readonly #chain: AuthenticatorChain;
  readonly #generation: () => number;

  /** @param generation changes when what tokens say has changed */
  constructor(chain: AuthenticatorChain, generation: () => number) {
    this.#chain = chain;
    this.#generation = generation;
  }

  /** Throws `unauthenticated`. `call` is a unary call or a stream. */
  of(call: { readonly peer: RpcPeer; header(name: string): string | undefined }): PeerState {
    const known = call.peer.context;
    const generation = this.#generation();
    const authorization = this.#chain.readsHeader ? call.header('authorization') : undefined;
    if (isPeerState(known)) {
      if (known.fixed || (known.authorization === authorization && known.generation === generation))
        return known;
    }
    const identity = this.#chain.identify({ certificate: call.peer.certificate, authorization });
    if (isPeerState(known)) {
      // Calls of one connection may carry different tokens; its subscriptions are counted together.
      known.identity = identity;
      known.authorization = authorization;
      known.generation = generation;
      return known;
    }
    const state: PeerState = {
      identity,
      authorization,
      generation,
      fixed: false,
      subscriptions: 0,
      publishStreams: 0,
    };
    call.peer.context = state;
    return state;
  }
}

/** The peer would not get in any more: its token is no longer known. */
export function isOutdated(
  chain: AuthenticatorChain,
  peer: RpcPeer,
  authorization: string | undefined,
): boolean {
  if (isPeerState(peer.context) && peer.context.fixed) return false;
  try {
    chain.identify({ certificate: peer.certificate, authorization });
    return false;
  } catch {
    return true;
  }
}

export function fixedPeer(identity: Identity): PeerState {
  return {
    identity,
    authorization: undefined,
    generation: 0,
    fixed: true,
    subscriptions: 0,
    publishStreams: 0,
  };
}

/** A subscription must fit the role that policy gives to its identity. */
export function refuseOtherRole(identity: Identity, clusterName: string): void {
  const asked = clusterName === '' ? 'source' : 'agent';
  if (identity.role === undefined || identity.role === asked) return;
  const field = asked === 'agent' ? 'cluster_name' : 'source';
  throw new CeBrokerError(
    'permission_denied',
    `${identity.user} is named as ${identity.role === 'agent' ? 'an agent' : 'a source'} in the broker's roles and may not subscribe as ${asked === 'agent' ? 'an agent' : 'a source'}: leave ${field} empty`,
    { field },
  );
}

function isPeerState(context: unknown): context is PeerState {
  return typeof context === 'object' && context !== null && 'subscriptions' in context;
}
