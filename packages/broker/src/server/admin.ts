import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CeBrokerError } from 'ce-broker-proto';
import { listenError } from '../rpc/listen-error.js';
import { type HostPort, isLoopback } from './address.js';
import type { Metrics } from './metrics.js';
import type { SessionRows } from './session-rows.js';
import type { BrokerStatus } from './snapshot.js';
import type { StateFilter, StateRows } from './state-rows.js';

/** Lines written in one turn of the event loop. */
const LINES_PER_TURN = 256;
const FILTERS = ['cluster', 'source', 'type'];

export interface AdminParts {
  readonly status: () => BrokerStatus;
  readonly metrics: Metrics;
  readonly rows: StateRows;
  readonly sessions: SessionRows;
  /** Whether an `authorization` header holds a known token. */
  readonly isKnown: (authorization: string) => boolean;
  readonly onFault: (error: unknown) => void;
}

/** Connections that send nothing must not keep the health probes out. */
const PATIENCE = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 2_000 };
const MOST_CONNECTIONS = 256;
/** A connection without any traffic for so long is closed, also one whose peer stopped reading an answer. */
const IDLE_MS = 30_000;

/** The HTTP side: metrics, health, status, who is connected, and what the broker holds. It only reads. */
export class AdminServer {
  readonly #parts: AdminParts;
  readonly #server: Server;

  constructor(parts: AdminParts) {
    this.#parts = parts;
    this.#server = createServer(PATIENCE, (request, response) => {
      this.#answer(request, response).catch((thrown: unknown) => {
        parts.onFault(thrown);
        if (response.headersSent) response.destroy();
        else refuse(response, 500, 'internal', 'internal error');
      });
    });
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.setTimeout(IDLE_MS);
  }

  /** Resolves with the bound address; rejects with CeBrokerError `address_in_use` or `invalid_option`. */
  async listen(address: HostPort): Promise<HostPort> {
    try {
      this.#server.listen(address.port, address.host);
      await once(this.#server, 'listening');
    } catch (cause) {
      const { code, message } = CeBrokerError.from(listenError(address, cause));
      throw new CeBrokerError(code, `admin: ${message}`, { field: 'admin', cause });
    }
    this.#server.on('error', this.#parts.onFault);
    const bound = this.#server.address();
    return Object.freeze({
      host: address.host,
      port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    });
  }

  async close(): Promise<void> {
    this.#parts.metrics.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      refuse(response, 405, 'unimplemented', `${request.method} is not served here: this port only reads`);
      return;
    }
    if (!URL.canParse(request.url ?? '/', 'http://admin')) {
      refuse(response, 400, 'invalid_argument', 'the path of the request is no URL path');
      return;
    }
    const url = new URL(request.url ?? '/', 'http://admin');
    switch (url.pathname) {
      case '/metrics':
        send(response, 200, this.#parts.metrics.contentType, await this.#parts.metrics.render());
        return;
      case '/healthz':
        send(response, 200, 'text/plain', 'ok\n');
        return;
      case '/readyz': {
        const { state } = this.#parts.status();
        if (state === 'serving') send(response, 200, 'text/plain', 'ready\n');
        else send(response, 503, 'text/plain', `${state}\n`);
        return;
      }
      case '/status':
        json(response, 200, this.#parts.status());
        return;
      default:
        await this.#answerState(request, response, url);
    }
  }

  async #answerState(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const kind = /^\/(?:state(?:\/(orphans|tombstones|resource))?|(sessions))$/.exec(url.pathname);
    if (kind === null) {
      refuse(
        response,
        404,
        'not_found',
        `there is no ${url.pathname}: /metrics, /healthz, /readyz, /status, /sessions, /state, /state/orphans, /state/tombstones, /state/resource?id=ID`,
      );
      return;
    }
    if (!this.#maySeeState(request)) {
      refuse(
        response,
        403,
        'permission_denied',
        'who is connected and what the broker holds is shown to this machine only, or with a known bearer token',
      );
      return;
    }
    const { rows, sessions } = this.#parts;
    const allowed = kind[1] === 'resource' ? ['id', ...FILTERS] : FILTERS;
    const unknown = [...url.searchParams.keys()].find((name) => !allowed.includes(name));
    if (unknown !== undefined) {
      refuse(response, 400, 'invalid_argument', `there is no filter ${unknown}: ${allowed.join(', ')}`);
      return;
    }
    const filter = filterOf(url);
    if (kind[2] === 'sessions') await lines(response, sessions.rows(filter));
    else if (kind[1] === 'orphans') await lines(response, rows.orphans(filter));
    else if (kind[1] === 'tombstones') await lines(response, rows.tombstones(filter));
    else if (kind[1] === undefined) await lines(response, rows.resources(filter));
    else resource(response, rows, url.searchParams.get('id'), filter);
  }

  /** Payloads are here. The Host header keeps web pages out that make a browser call this port by another name. */
  #maySeeState({ headers, socket }: IncomingMessage): boolean {
    if (headers.authorization !== undefined && this.#parts.isKnown(headers.authorization)) return true;
    const host = (headers.host ?? 'localhost').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    return isLoopback(socket.remoteAddress ?? '') && isLoopback(host);
  }
}

function resource(response: ServerResponse, rows: StateRows, id: string | null, filter: StateFilter): void {
  if (id === null || id === '') {
    refuse(response, 400, 'invalid_argument', 'id is missing: /state/resource?id=ID');
    return;
  }
  const resources = rows.withId(id, filter);
  if (resources.length === 0) refuse(response, 404, 'not_found', `no resource with id ${id}`);
  else json(response, 200, { resources });
}

function filterOf({ searchParams }: URL): StateFilter {
  const value = (name: string): string | undefined => searchParams.get(name) ?? undefined;
  return { cluster: value('cluster'), source: value('source'), type: value('type') };
}

/** One JSON line per row, some at a time, no faster than the reader takes them. */
async function lines(response: ServerResponse, rows: Iterable<object>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  let batch = '';
  let count = 0;
  for (const row of rows) {
    batch += `${JSON.stringify(row)}\n`;
    count += 1;
    if (count % LINES_PER_TURN !== 0) continue;
    const taken = response.write(batch);
    batch = '';
    if (response.destroyed) return;
    await (taken ? new Promise((resolve) => setImmediate(resolve)) : drained(response));
  }
  response.end(batch);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go);
      response.off('close', go);
      resolve();
    };
    response.on('drain', go);
    response.on('close', go);
  });
}

function json(response: ServerResponse, code: number, body: object): void {
  send(response, code, 'application/json', `${JSON.stringify(body)}\n`);
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  json(response, status, { error: { code, message } });
}

function send(response: ServerResponse, code: number, contentType: string, body: string): void {
  response.writeHead(code, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(body);
}
