import type { ChangeRecord } from './audit.js';

/** One thing that the admin port answers: reads with GET, changes with POST. */
export type AdminRoute = ReadRoute | ChangeRoute;

export interface ReadRoute {
  readonly method: 'GET';
  /** As it stands in the URL, for example `/state/orphans`. */
  readonly path: string;
  /**
   * `everybody`: whoever reaches the port; `trusted`: this machine, or who shows a known bearer token; `operators`: who may change
   * something, for what takes everything at once.
   */
  readonly who: 'everybody' | 'trusted' | 'operators';
  /** The names that may stand in the query; others are refused. Undefined: the query is not looked at. */
  readonly query?: readonly string[];
  /** A CeBrokerError that it throws is what the caller gets, with the HTTP status that fits its code. */
  answer(request: AdminRequest): AdminAnswer | Promise<AdminAnswer>;
}

/**
 * A route that changes something: only for who is trusted, never from a web page of another host, with a JSON body of 64 KiB at most.
 * What it did is written into the audit trail.
 */
export interface ChangeRoute {
  readonly method: 'POST';
  readonly path: string;
  /** Bytes of the body at most; default 64 KiB. */
  readonly mostBytes?: number;
  answer(change: ChangeRequest): ChangeAnswer | Promise<ChangeAnswer>;
}

export interface AdminRequest {
  /** The value of a name of the query; undefined: it is not there, or empty. */
  query(name: string): string | undefined;
}

export interface ChangeRequest {
  /** The members of the JSON object that was sent; narrow them with `readBody`. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Who changes it: the user of the token, or `admin` for this machine. */
  readonly by: string;
}

/** `rows` are JSON lines, written no faster than the reader takes them; undefined between them is a place to pause at. */
export type AdminAnswer =
  | { readonly json: object }
  | { readonly rows: Iterable<object | undefined> }
  | { readonly bytes: AsyncIterable<Uint8Array>; readonly contentType: string }
  | { readonly text: string; readonly contentType: string; readonly status?: number };

export interface ChangeAnswer {
  readonly json: object;
  /** What was done, for the audit trail; undefined: nothing had to be done. */
  readonly did: ChangeRecord | undefined;
}
