import type { Cell, Resource } from '../state/resource.js';
import { SparseMap, SparseSet } from './sparse.js';

/** A question that the broker itself asks; it is written down only when the connection can take it, from the state of that moment. */
export interface Ask {
  readonly key: string;
  messages(): readonly Uint8Array[];
  /** It is not complete yet: whoever puts the rest together flushes the session when there is more. */
  readonly isPending?: boolean;
  /** It was replaced, or the session is over. */
  dropped?(): void;
}

/** A question that was handed on to this session, and what is to be done when the session ends soon after. */
export interface RelayedAsk {
  readonly at: number;
  readonly unanswered: () => void;
}

/** What a session has to keep in mind only now and then. An idle one has none of it, so that it costs that one nothing but a field. */
export class Aside {
  readonly held = new SparseMap<Cell, number>();
  readonly asks = new SparseMap<string, Ask>();
  readonly later = new SparseMap<Cell, number>();
  readonly owedFarewells = new SparseSet<Resource>();
  readonly saidFarewells = new SparseMap<Resource, number>();
  readonly relayedAsks = new SparseMap<string, RelayedAsk>();
}

/** What is read where a session keeps nothing in mind. Nobody adds to it. */
export const NOTHING_ASIDE = new Aside();
