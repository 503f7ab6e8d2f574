import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type {
  RpcEngineStats,
  RpcListenAddress,
  RpcMethod,
  RpcTls,
  SocketRpcEngine,
  SocketRpcEngineOptions,
} from '../engine.js';
import { Listeners } from '../sockets/listeners.js';
import { certificateName } from '../sockets/tls.js';
import { STATUS_UNAVAILABLE } from '../status.js';
import { Composer } from './composer.js';
import { H2Connection } from './connection.js';
import type { ConnectionHost, HostedConnection } from './connection-host.js';
import { DeadlineWheel } from './deadlines.js';
import { Inflater } from './grpc/inflater.js';
import { type H2LimitOptions, type H2Limits, resolveLimits } from './limits.js';
import type { OffenceKind, Offender } from './offences.js';
import { SharedFrames } from './shared-frames.js';
import { WriteTurns } from './write-turns.js';

export interface H2EngineOptions extends SocketRpcEngineOptions {
  /** What a peer may do and have; see `H2Limits` for each default. */
  readonly limits?: H2LimitOptions;
  /** How long an ended stream may wait for its peer to read the rest before it is reset, in milliseconds. Default 10,000. */
  readonly endLingerMs?: number;
  /** Called with each peer that was shut out over a limit. Default: ignored. */
  readonly onOffender?: (offender: Offender) => void;
}

const LONGEST_TICK_MS = 1_000;
const SHORTEST_TICK_MS = 20;

/**
 * The broker's gRPC server by hand: HTTP/2 (RFC 9113), HPACK (RFC 7541) and gRPC on sockets of its own.
 *
 * Each chunk that a socket gives is read in one pass, down to the methods; what they answer is collected, and at the end of the turn of
 * the event loop each connection that is owed something gets one write.
 */
export class H2Engine implements SocketRpcEngine, ConnectionHost {
  readonly name = 'h2';
  readonly streamBufferBytes: number;
  readonly maxMessageBytes: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly endLingerMs: number;
  readonly limits: H2Limits;
  readonly methods: ReadonlyMap<string, RpcMethod>;
  readonly composer = new Composer();
  readonly shared = new SharedFrames();
  readonly deadlines = new DeadlineWheel();
  arrivingBytes = 0;
  readonly inflater: Inflater;
  readonly #listeners: Listeners;
  readonly #connections = new Set<H2Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #onFault: (error: unknown) => void;
  readonly #onOffender: (offender: Offender) => void;
  readonly #tickMs: number;
  readonly #turns: WriteTurns;
  #ticker: NodeJS.Timeout | undefined = undefined;
  #state: 'open' | 'draining' | 'closed' = 'open';
  #emptied: Promise<void> | undefined = undefined;
  #whenEmpty: (() => void) | undefined = undefined;

  /** Throws CeBrokerError `invalid_option` that names the limit or the TLS file. */
  constructor(options: H2EngineOptions) {
    this.methods = new Map(Object.entries(options.methods));
    this.maxMessageBytes = options.maxMessageBytes;
    this.streamBufferBytes = options.streamBufferBytes;
    this.keepaliveTimeMs = options.keepaliveTimeMs;
    this.keepaliveTimeoutMs = options.keepaliveTimeoutMs;
    this.endLingerMs = options.endLingerMs ?? 10_000;
    this.limits = resolveLimits(options.limits);
    this.inflater = new Inflater(this.limits.maxInflatingMessages);
    this.#onFault = options.onFault ?? (() => undefined);
    this.#onOffender = options.onOffender ?? (() => undefined);
    this.#turns = new WriteTurns(
      (error) => this.fault(error),
      () => this.shared.forget(),
    );
    this.#tickMs = tickOf(this);
    this.#listeners = new Listeners(
      options.tls,
      (socket) => this.#adopt(socket),
      (error) => this.fault(error),
      options.onHandshakeFailed ?? (() => undefined),
      (socket) => this.#admit(socket),
    );
  }

  listen(address: RpcListenAddress): Promise<RpcListenAddress> {
    return this.#listeners.listen(address);
  }

  /**
   * Replaces certificate, key and CA for connections that come from now on; open ones keep theirs. Throws when OpenSSL refuses
   * them, and then keeps the old ones. An engine that was created without TLS gets it.
   */
  setTls(tls: RpcTls): void {
    this.#listeners.setTls(tls);
  }

  stats(): RpcEngineStats {
    let streams = 0;
    let bufferedBytes = 0;
    for (const connection of this.#connections) {
      bufferedBytes += connection.unsent();
      for (const stream of connection.streams) if (!stream.isCall) streams += 1;
    }
    return { connections: this.#connections.size, streams, bufferedBytes };
  }

  async drain(graceMs: number): Promise<void> {
    if (this.#state !== 'closed') {
      this.#state = 'draining';
      this.#listeners.stop();
      // Called again it can only bring the end forward.
      for (const connection of this.#connections) {
        connection.end(STATUS_UNAVAILABLE, 'the server is shutting down', graceMs);
      }
      await this.#empty();
    }
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#state !== 'closed') {
      this.#state = 'closed';
      this.#listeners.stop();
      for (const connection of this.#connections) connection.close();
    }
    await this.#empty();
    this.deadlines.stop();
    clearInterval(this.#ticker);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  schedule(connection: HostedConnection): void {
    this.#turns.add(connection);
  }

  /** @internal */
  wasRead(bytes: number): void {
    this.#turns.handled(bytes);
  }

  /** @internal */
  fault(error: unknown): void {
    try {
      this.#onFault(error);
    } catch {
      // Whoever is told of faults has one: the others must not suffer for it.
    }
  }

  /** @internal */
  offended(offender: Offender): void {
    try {
      this.#onOffender(offender);
    } catch (error) {
      this.fault(error);
    }
  }

  /** @internal */
  closed(connection: H2Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.inflater.forget(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    this.#whenEmpty?.();
  }

  #adopt(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (this.#state !== 'open' || remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const certificate = socket instanceof TLSSocket ? certificateName(socket) : undefined;
    const connection = new H2Connection(socket, hostPort(remoteAddress, remotePort), certificate, this);
    this.#connections.add(connection);
    this.#ticker ??= setInterval(() => this.#tick(), this.#tickMs).unref();
    // Without TLS it can be told why, and is counted until it has gone.
    if ((this.#perAddress.get(siteOf(connection.address)) ?? 0) > this.limits.maxConnectionsPerAddress) {
      connection.shutOut('connections-per-address', this.#tooMany());
    }
  }

  /** Counts a connection for its address, before its handshake. */
  #admit(socket: Socket): boolean {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined) return false;
    const address = hostPort(remoteAddress, remotePort);
    const site = siteOf(address);
    const open = (this.#perAddress.get(site) ?? 0) + 1;
    this.#perAddress.set(site, open);
    // Not `once`, here and in the connection: it makes three objects more, for what happens once anyway.
    socket.on('close', () => {
      const left = (this.#perAddress.get(site) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(site, left);
      else this.#perAddress.delete(site);
    });
    if (open <= this.limits.maxConnectionsPerAddress || !this.#listeners.secure) return true;
    this.offended({ address, kind: 'connections-per-address', message: this.#tooMany() });
    return false;
  }

  #tooMany(): string {
    return `more than ${this.limits.maxConnectionsPerAddress} connections from one address (maxConnectionsPerAddress)`;
  }

  #tick(): void {
    const now = performance.now();
    let unread = 0;
    for (const connection of this.#connections) {
      connection.tick(now);
      unread += connection.unread;
    }
    const { maxArrivingBytes, maxUnreadBytes } = this.limits;
    if (unread > maxUnreadBytes) {
      const text = `all peers together leave more than ${maxUnreadBytes} bytes unread (maxUnreadBytes), this one among the most`;
      this.#shed('unread-output', text, unread - maxUnreadBytes, (connection) => connection.unread);
    }
    if (this.arrivingBytes > maxArrivingBytes) {
      const text = `all peers together have more than ${maxArrivingBytes} bytes of requests under way (maxArrivingBytes), this one among the most`;
      const over = this.arrivingBytes - maxArrivingBytes;
      this.#shed('arriving-requests', text, over, (connection) => connection.arrivingBytes);
    }
  }

  /** Those that hold most go, until it is so much less. */
  #shed(kind: OffenceKind, message: string, bytes: number, held: (connection: H2Connection) => number): void {
    let over = bytes;
    for (const connection of [...this.#connections].sort((a, b) => held(b) - held(a))) {
      if (over <= 0) return;
      over -= held(connection);
      connection.shutOut(kind, message);
      connection.destroy();
    }
  }

  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    this.#emptied ??= new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
    return this.#emptied;
  }
}

/** Often enough for the shortest of the times that are looked at by the clock. */
function tickOf({ limits, keepaliveTimeMs, keepaliveTimeoutMs, endLingerMs }: H2Engine): number {
  const shortest = Math.min(
    keepaliveTimeMs,
    keepaliveTimeoutMs,
    endLingerMs,
    limits.prefaceTimeoutMs,
    limits.settingsTimeoutMs,
    limits.requestIdleMs,
    limits.requestTimeoutMs,
    limits.maxConnectionAgeMs ?? LONGEST_TICK_MS * 4,
    limits.maxConnectionIdleMs ?? LONGEST_TICK_MS * 4,
  );
  return Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, shortest / 4));
}

function hostPort(address: string, port: number | undefined): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whose connection it is: an address; of IPv6 the network of 64 bits that one site has. */
function siteOf(address: string): string {
  if (!address.startsWith('[')) return address.slice(0, address.lastIndexOf(':'));
  const mapped = /^\[::ffff:([\d.]+)\]/i.exec(address);
  return (
    mapped?.[1] ??
    expandedGroups(address.slice(1, address.lastIndexOf(']')))
      .slice(0, 4)
      .join(':')
  );
}

function expandedGroups(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  return [...before, ...new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after];
}
