import type { ClientStatus } from 'ce-broker-client';
import { CeBrokerError } from 'ce-broker-proto';
import { unusableServer } from '../client/connect.js';
import type { Notices } from './notices.js';

/** A client, as far as a long-running command is concerned with its connection. */
interface Connected {
  status(): AsyncIterable<ClientStatus>;
}

export interface FollowOptions {
  readonly client: Connected;
  /** `127.0.0.1:8090 as source hub` */
  readonly who: string;
  readonly notices: Notices;
  /** The subscription stands, for the first time or again. */
  readonly subscribed: () => void;
}

/**
 * Follows the connection of a client, and ends with it. Rejects when the server refuses it, or cannot be talked to, before it was ever
 * subscribed: what is wrong from the start is the user's to correct, while a server that is away, or changes its mind later, may come back.
 */
export async function followConnection({ client, who, notices, subscribed }: FollowOptions): Promise<void> {
  let ever = false;
  for await (const status of client.status()) {
    if (status.type === 'subscribed') {
      ever = true;
      notices.over('client');
      notices.say(`subscribed to ${who}${status.again ? ' again' : ''}`);
      subscribed();
    } else if (status.type === 'disconnected' && !ever && isMistake(status.error)) {
      throw unusableServer(status.error);
    }
  }
}

function isMistake({ code }: CeBrokerError): boolean {
  return code === 'unauthenticated' || code === 'permission_denied' || code === 'failed_precondition';
}

/** Whether a call failed because there is no connection: the client tells of that itself. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof CeBrokerError)) return false;
  return error.code === 'unavailable' || error.code === 'deadline_exceeded' || error.code === 'cancelled';
}

/** Waits for work that is ending, but not for ever: then `cut` ends it. */
export async function endWithin(ms: number, ending: Promise<void>, cut: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([ending, late]);
  clearTimeout(timer);
  await cut();
  await ending;
}
