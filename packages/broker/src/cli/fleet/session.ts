import type { ClientStatus } from 'ce-broker-client';
import { CeBrokerError, grpcCodeOf, type Logger } from 'ce-broker-proto';
import { unusableServer } from '../client/connect.js';
import type { Notices } from './notices.js';

/** A client, as far as a long-running command is concerned with its connection. */
interface Connected {
  status(): AsyncIterable<ClientStatus>;
}

/** Whether the server was ever reached: what is wrong before that ends the command. */
export interface Reached {
  ever: boolean;
}

export interface FollowOptions {
  readonly client: Connected;
  /** `127.0.0.1:8090 as source hub` */
  readonly who: string;
  readonly notices: Notices;
  readonly reached: Reached;
  /** The subscription stands, for the first time or again. */
  readonly subscribed: () => void;
}

/**
 * Follows the connection of a client, and ends with it. Rejects when the server refuses it, or cannot be talked to, before it was ever
 * subscribed: what is wrong from the start is the user's to correct, while a server that is away, or changes its mind later, may come back.
 */
export async function followConnection(options: FollowOptions): Promise<void> {
  const { client, who, notices, reached, subscribed } = options;
  for await (const status of client.status()) {
    if (status.type === 'subscribed') {
      reached.ever = true;
      notices.over('client');
      notices.say(`subscribed to ${who}${status.again ? ' again' : ''}`);
      subscribed();
    } else if (status.type === 'disconnected' && isMistake(status.error.code)) {
      const { error } = status;
      if (!reached.ever) throw unusableServer(error);
      // The logger may have held it back, just before the subscription was known here.
      notices.state('client', withCode(error.code, error.message));
    }
  }
}

function isMistake(code: string): boolean {
  return code === 'unauthenticated' || code === 'permission_denied' || code === 'failed_precondition';
}

/** A client's warnings as notices, without those of what ends the command, which tells of it itself. */
export function clientLogger(notices: Notices, reached: Reached): Logger {
  return Object.freeze({
    debug: () => undefined,
    info: () => undefined,
    warn: (fields: object, message: string) => {
      const code = 'code' in fields && typeof fields.code === 'string' ? fields.code : undefined;
      if (code !== undefined && !reached.ever && isMistake(code)) return;
      notices.state('client', withCode(code, message));
    },
    error: (_: object, message: string) => notices.say(message),
    isLevelEnabled: () => false,
  });
}

function withCode(code: string | undefined, message: string): string {
  const known = code !== undefined && grpcCodeOf(code as Parameters<typeof grpcCodeOf>[0]) !== 2;
  return known ? `${code.toUpperCase()}: ${message}` : message;
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
