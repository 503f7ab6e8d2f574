import type { Identity } from '../access/identity.js';
import type { SessionRole } from '../delivery/session-description.js';
import type { Envelope } from '../wire/envelope.js';

/** A Publish that waits for its answer. The engine's call object fits as it is. */
export interface PublishCall {
  /** What the call is about, as soon as the envelope has been read; for whoever counts. */
  received?(event: Envelope): void;
  reply(message: Uint8Array): void;
  fail(code: number, message: string): void;
}

/** What the core asks of the world around it. Everything else that it does goes through outlets, calls and the store. */
export interface CorePort {
  /** Jobs are waiting: call `BrokerCore.runJobs` in a later turn of the event loop. May be called many times per turn. */
  wake(): void;
  /** A fresh UUID. */
  newId(): string;
  /** Something that an operator may want to read. Never called per event on the normal path. */
  note(note: CoreNote): void;
  /** The last byte of the answer to a resync that came at `since` has been written; `role` is that of who asked. */
  resynced?(role: SessionRole, since: number): void;
}

export type CoreNote =
  | {
      readonly kind: 'session-opened';
      readonly session: number;
      readonly role: string;
      readonly name: string;
      readonly dataType: string;
      readonly user: string;
    }
  | {
      readonly kind: 'session-closed';
      readonly session: number;
      readonly role: string;
      readonly name: string;
      readonly byPeer: boolean;
    }
  | {
      readonly kind: 'session-evicted';
      readonly session: number;
      readonly role: string;
      readonly name: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly message: string;
      readonly source: string;
      readonly type: string;
      readonly user: string;
    }
  | { readonly kind: 'held'; readonly target: string; readonly by: string; readonly reason: string }
  | { readonly kind: 'released'; readonly target: string; readonly by: string }
  | {
      /** From here on deletions wait for consent: so many of so many resources would be gone. */
      readonly kind: 'deletions-held';
      readonly cluster: string;
      readonly dataType: string;
      readonly deleted: number;
      readonly of: number;
      /** They are few: the first was discarded before. */
      readonly again?: true;
    }
  | {
      /** Deletions that waited for consent are void: the resources are wanted as they were. */
      readonly kind: 'discarded';
      readonly cluster: string;
      readonly dataType?: string | undefined;
      readonly source?: string | undefined;
      readonly discarded: number;
      /** These wait on. */
      readonly left: number;
      readonly by: string;
    }
  | { readonly kind: 'orphans'; readonly cluster: string; readonly dataType: string; readonly count: number }
  | { readonly kind: 'second-source'; readonly dataType: string; readonly sources: readonly string[] }
  | {
      /** The store was restored from a backup: what so many sources own there waits for them. */
      readonly kind: 'reconciling';
      readonly sources: number;
    }
  | { readonly kind: 'reconciled' }
  | { readonly kind: 'store-failed'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'damaged';
      readonly what: 'event' | 'resource';
      readonly cluster: string;
      readonly dataType: string;
      readonly resourceId: string;
    }
  | {
      readonly kind: 'undeliverable';
      readonly name: string;
      readonly resourceId: string;
      readonly bytes: number;
    };

/**
 * A service registered for a data type (`Service` of the Go SDK's gRPC server). It lives outside of the core: it may do I/O.
 * `handle` answers the call itself, now or later.
 */
export interface ServiceHook {
  handle(event: Envelope, identity: Identity, call: PublishCall): void;
  /** An agent asks for the specs of its cluster; the service publishes what it has through `BrokerCore.publishFromService`. */
  list(cluster: string, dataType: string, listed: ReadonlyMap<string, bigint>): void;
}
