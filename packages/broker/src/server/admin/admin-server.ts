import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CeBrokerError } from 'ce-broker-proto';
import { listenError } from '../../rpc/listen-error.js';
import type { HostPort } from '../address.js';
import { type IdentityOf, trusted, trustedToChange } from './access.js';
import { httpStatusOf, refuse, write } from './answer.js';
import type { Audit } from './audit.js';
import { readObject } from './body.js';
import type { AdminRequest, AdminRoute, ChangeRoute, ReadRoute } from './route.js';

export interface AdminParts {
  readonly routes: readonly AdminRoute[];
  readonly audit: Audit;
  /** Resolves once what was written down is safe in the store. */
  readonly saved: () => Promise<void>;
  readonly identityOf: IdentityOf;
  readonly onFault: (error: unknown) => void;
  readonly onClose: () => void;
}

/** Connections that send nothing must not keep the health probes out. */
const PATIENCE = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 2_000 };
const MOST_CONNECTIONS = 256;
/** A connection without any traffic for so long is closed, also one whose peer stopped reading an answer. */
const IDLE_MS = 30_000;

/** The HTTP side: metrics, health, who is connected, what the broker holds and why, and the changes that an operator makes. */
export class AdminServer {
  readonly #parts: AdminParts;
  readonly #server: Server;
  /** By path, then by method. */
  readonly #routes = new Map<string, Map<string, AdminRoute>>();

  constructor(parts: AdminParts) {
    this.#parts = parts;
    for (const route of parts.routes) {
      const methods = this.#routes.get(route.path) ?? new Map<string, AdminRoute>();
      methods.set(route.method, route);
      this.#routes.set(route.path, methods);
    }
    this.#server = createServer(PATIENCE, (request, response) => {
      this.#answer(request, response).catch((thrown: unknown) => this.#fail(response, thrown));
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
    this.#parts.onClose();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!URL.canParse(request.url ?? '/', 'http://admin')) {
      refuse(response, 400, 'invalid_argument', 'the path of the request is no URL path');
      return;
    }
    const url = new URL(request.url ?? '/', 'http://admin');
    const methods = this.#routes.get(url.pathname);
    if (methods === undefined) {
      const paths = [...this.#routes.keys()].join(', ');
      refuse(response, 404, 'not_found', `there is no ${url.pathname}: ${paths}`);
      return;
    }
    const method = request.method ?? 'GET';
    const route = methods.get(method === 'HEAD' ? 'GET' : method);
    if (route === undefined) {
      const allowed = [...methods.keys()].flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
      response.setHeader('allow', allowed.join(', '));
      refuse(response, 405, 'unimplemented', `${url.pathname} takes ${allowed.join(', ')}, not ${method}`);
      return;
    }
    if (route.method === 'GET') await this.#read(route, url, request, response);
    else await this.#change(route, request, response);
  }

  async #read(route: ReadRoute, url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (route.who === 'trusted') trusted(request, this.#parts.identityOf);
    if (route.who === 'operators') trustedToChange(request, this.#parts.identityOf);
    const { query: allowed } = route;
    const unknown = [...url.searchParams.keys()].find((name) => allowed?.includes(name) === false);
    if (unknown !== undefined) {
      const names = allowed?.length === 0 ? 'this path takes none' : allowed?.join(', ');
      throw new CeBrokerError('invalid_argument', `there is no filter ${unknown}: ${names}`);
    }
    await write(response, await route.answer(requestFor(url)));
  }

  async #change(route: ChangeRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const by = trustedToChange(request, this.#parts.identityOf);
    const body = await readObject(request, route.mostBytes);
    const { json, did } = await route.answer({ body, by });
    if (did !== undefined) {
      this.#parts.audit.record(by, did);
      await this.#parts.saved();
    }
    await write(response, { json });
  }

  #fail(response: ServerResponse, thrown: unknown): void {
    if (response.headersSent || !(thrown instanceof CeBrokerError)) this.#parts.onFault(thrown);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // What is left of a body that was not read must not be taken for the next request.
    if (!response.req.complete) response.setHeader('connection', 'close');
    if (thrown instanceof CeBrokerError) refuse(response, httpStatusOf(thrown), thrown.code, thrown.message);
    else refuse(response, 500, 'internal', 'internal error');
  }
}

function requestFor({ searchParams }: URL): AdminRequest {
  return { query: (name) => searchParams.get(name) || undefined };
}
