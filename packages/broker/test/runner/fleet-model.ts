import { type Event, eventDataBytes } from 'ce-broker-proto';

export type Step =
  | {
      readonly kind: 'create' | 'update' | 'delete' | 'late-update';
      readonly source: string;
      readonly cluster: string;
      readonly id: string;
    }
  | {
      readonly kind:
        | 'report'
        | 'drop-agent'
        | 'connect-agent'
        | 'subscribe-agent'
        | 'freeze'
        | 'thaw'
        | 'resync';
      readonly cluster: string;
    }
  | { readonly kind: 'drop-source' | 'connect-source'; readonly source: string }
  | {
      readonly kind: 'hold' | 'release';
      readonly what: 'cluster' | 'source' | 'resource';
      readonly name: string;
    }
  | { readonly kind: 'consent' | 'discard'; readonly cluster: string }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'arrive' | 'restart' | 'backup' | 'restore' };

/** What a source wants: version and life of a resource that is there; `deletions` counts those that the broker acknowledged. */
export interface Wanted {
  version: number;
  life: number;
  /** How often the broker had lost everything when each life ended. */
  readonly ends: Map<number, number>;
  deleted: 'no' | 'unacknowledged' | 'acknowledged';
  /** The broker acknowledged the create of the present life. */
  created: boolean;
}

export interface Held {
  version: number;
  life: number;
  source: string;
  sequence: number;
  finalizing: boolean;
}

export const SOURCES = ['A', 'B'];
export const CLUSTERS = ['c1', 'c2'];

/** Which life of its resource an event is of. */
export function lifeOf(event: Event): number {
  const data: unknown = JSON.parse(new TextDecoder().decode(eventDataBytes(event)));
  return typeof data === 'object' && data !== null && 'life' in data && typeof data.life === 'number'
    ? data.life
    : 0;
}
