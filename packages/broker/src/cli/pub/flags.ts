import type { ConnectionFlags } from '../client/connection-options.js';

/** What was typed behind `pub`. */
export interface PubFlags extends ConnectionFlags {
  readonly source?: string;
  readonly cluster?: string;
  readonly type?: string;
  readonly action?: string;
  readonly id?: string;
  readonly resourceVersion?: string;
  readonly data?: string;
  readonly contentType?: string;
  readonly delete?: boolean;
  readonly status?: boolean;
  readonly originalSource?: string;
  readonly eventId?: string;
  readonly sequenceId?: string;
  readonly rate?: string;
}
