import type { CeBrokerError } from 'ce-broker-proto';

/** What happens to a client, as `status()` tells it. */
export type ClientStatus =
  /** A connection is being opened; `attempt` counts from 1 since the last one stood. */
  | { readonly type: 'connecting'; readonly attempt: number }
  /** The server has answered. */
  | { readonly type: 'connected' }
  /** The server has registered the subscription: from now on nothing is missed. */
  | { readonly type: 'subscribed'; readonly again: boolean }
  /** The connection or the subscription is gone, or could not be opened. The next attempt begins in `retryInMs`. */
  | { readonly type: 'disconnected'; readonly error: CeBrokerError; readonly retryInMs: number }
  /** An event was dropped: it could not be read, or belongs to nothing that this client knows. */
  | { readonly type: 'event-dropped'; readonly error: CeBrokerError; readonly eventType: string }
  /**
   * More waits for handlers than `maxPendingBytes`: the server was asked to pause. `resourceId` is with its handlers for the longest time;
   * empty: the answer to a resync request is.
   */
  | { readonly type: 'paused'; readonly pendingBytes: number; readonly resourceId: string }
  /** Half of that is worked off: events come again. */
  | { readonly type: 'resumed' }
  /** A handler threw. */
  | { readonly type: 'handler-failed'; readonly error: CeBrokerError; readonly resourceId: string }
  /** A resync that the client sent by itself, or an answer to a resync request, failed. */
  | { readonly type: 'resync-failed'; readonly error: CeBrokerError }
  | { readonly type: 'closed' };
