import { randomUUID } from 'node:crypto';
import type { Server } from '@grpc/grpc-js';
import { CeBrokerError, CloudEventsDataType, type CloudEventTransport } from 'ce-broker-proto';
import type { AuthenticatorChain } from '../access/authenticator.js';
import type { Roles } from '../access/roles.js';
import type { BrokerCore } from '../core/index.js';
import type { ByteBudget } from '../delivery/byte-budget.js';
import type { InProcessEngine, RpcEngineStats, RpcMethods, SocketRpcEngine } from '../rpc/index.js';
import type { OpenStore } from '../state/event-store.js';
import type { HostPort } from './address.js';
import { AttachedServers, type AttachFunction } from './attached-servers.js';
import type { AttachedServer, Broker, CloseOptions, InProcessOptions } from './broker.js';
import type { Clock } from './clock.js';
import type { BrokerCustody, DiscardedRow, DiscardRequest } from './custody.js';
import { BrokerHolds, type HeldRow, type HoldRequest, type ReleaseRequest } from './holds.js';
import { InProcessTransport } from './in-process-transport.js';
import type { NoteLog } from './notes.js';
import type { ResolvedOptions } from './options.js';
import { fixedPeer, isOutdated } from './peers.js';
import type { Service, ServiceRegistration } from './service.js';
import type { ServiceCalls } from './service-calls.js';
import { ServiceHost } from './service-host.js';
import { type BrokerState, type BrokerStatus, takeSnapshot } from './snapshot.js';
import type { StreamPressure } from './stream-pressure.js';
import type { SubscriptionOutlet } from './subscription.js';
import { requireGrpcServer, requireService, requireUser } from './validate-arguments.js';

const TICK_MS = 250;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
/** How long the Publishes in flight on an ended connection may still be answered. */
const END_GRACE_MS = 2_000;
/** A broker is gone within 10 s of being told to: the rest is for closing what is left. */
const DEFAULT_GRACE_MS = 9_000;

export interface BrokerParts {
  readonly options: ResolvedOptions;
  readonly core: BrokerCore;
  readonly store: OpenStore;
  readonly clock: Clock;
  readonly roles: Roles;
  readonly notes: NoteLog;
  /** The service's methods; subscriptions that come in by them are put into the set. */
  readonly methodsFor: (open: Set<SubscriptionOutlet>) => RpcMethods;
  readonly pressure: StreamPressure;
  readonly engine: SocketRpcEngine | undefined;
  readonly inProcess: InProcessEngine;
  readonly attach: AttachFunction;
  readonly open: Set<SubscriptionOutlet>;
  readonly serviceCalls: ServiceCalls;
  readonly serviceBudget: ByteBudget;
  readonly address: HostPort | undefined;
  readonly startedAt: number;
  readonly version: string;
}

/** Something that is closed with the broker, and hears when it begins to drain. */
export interface Companion {
  draining?(): void;
  close(): void | Promise<void>;
}

export class RunningBroker implements Broker {
  readonly closed: Promise<void>;
  readonly #parts: BrokerParts;
  readonly #hosts = new Map<string, ServiceHost>();
  readonly #attached: AttachedServers;
  readonly #holds: BrokerHolds;
  #custody: BrokerCustody | undefined;
  readonly #companions: Companion[] = [];
  readonly #ticker: NodeJS.Timeout;
  #adminAddress: HostPort | undefined = undefined;
  #state: BrokerState = 'serving';
  #announced = false;
  #closing: Promise<void> | undefined = undefined;
  #resolveClosed: () => void = () => undefined;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.#attached = new AttachedServers(parts.attach, parts.methodsFor);
    this.#holds = new BrokerHolds(parts.core, parts.clock, parts.options.publishTimeoutMs);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    // The listener keeps the process alive; an embedded broker need not.
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  get address(): HostPort | undefined {
    return this.#parts.address;
  }

  get adminAddress(): HostPort | undefined {
    return this.#adminAddress;
  }

  get state(): BrokerState {
    return this.#state;
  }

  /** @internal Ends the subscriptions of peers that would not get in any more. */
  endOutdated(chain: AuthenticatorChain): void {
    for (const outlet of [...this.#parts.open, ...this.#attached.subscriptions()]) {
      if (!isOutdated(chain, outlet.stream.peer, outlet.authorization)) continue;
      outlet.endConnection(
        UNAUTHENTICATED,
        'the token of this subscription is no longer known: subscribe with another',
        END_GRACE_MS,
      );
    }
  }

  /** @internal It has started: from now on its end is worth a log line. */
  announce(fields: object): void {
    this.#announced = true;
    this.#parts.options.logger.info(fields, 'serving');
  }

  /** @internal */
  useAdmin(address: HostPort): void {
    this.#adminAddress = address;
  }

  /** @internal Closed with the broker, in the order in which they came. */
  accompany(companion: Companion): void {
    this.#companions.push(companion);
  }

  attach(server: Server): AttachedServer {
    requireGrpcServer(server);
    this.#refuseUnlessServing();
    return this.#attached.attach(server);
  }

  inProcessTransport({ user = 'in-process', groups = [] }: InProcessOptions = {}): CloudEventTransport {
    requireUser(user, groups);
    const connection = this.#parts.inProcess.connect(user);
    connection.peer.context = fixedPeer(this.#parts.roles.identity(user, groups));
    return new InProcessTransport(connection);
  }

  registerService(dataType: string, service: Service): ServiceRegistration {
    requireService(service);
    this.#refuseUnlessServing();
    CloudEventsDataType.parse(dataType);
    if (this.#hosts.has(dataType)) {
      throw new CeBrokerError(
        'already_exists',
        `${dataType} has a service already: close its registration first`,
        { field: 'dataType' },
      );
    }
    const { core, clock, options, serviceCalls } = this.#parts;
    const host = new ServiceHost(dataType, service, {
      core,
      clock,
      logger: options.logger,
      calls: serviceCalls,
      newId: randomUUID,
      listTimeoutMs: options.publishTimeoutMs,
    });
    this.#hosts.set(dataType, host);
    core.registerService(dataType, host);
    const close = async (): Promise<void> => {
      if (this.#hosts.get(dataType) !== host) return;
      this.#hosts.delete(dataType);
      core.unregisterService(dataType);
      host.close();
    };
    return { dataType, publish: async (event) => host.publish(event), close, [Symbol.asyncDispose]: close };
  }

  holds(): readonly HeldRow[] {
    return this.#holds.list();
  }

  async hold(request: HoldRequest): Promise<HeldRow> {
    this.#refuseUnlessServing();
    return this.#holds.hold(request);
  }

  async release(request: ReleaseRequest): Promise<readonly HeldRow[]> {
    this.#refuseUnlessServing();
    return this.#holds.release(request);
  }

  async discard(request: DiscardRequest): Promise<DiscardedRow> {
    this.#refuseUnlessServing();
    const { clock, core } = this.#parts;
    if (this.#custody === undefined) {
      const { BrokerCustody } = await import('./custody.js');
      this.#custody ??= new BrokerCustody(core, clock);
    }
    return this.#custody.discard(request);
  }

  status(): BrokerStatus {
    const { clock, core, notes, serviceBudget, serviceCalls, startedAt, address, version } = this.#parts;
    return takeSnapshot({
      view: core.view,
      clock,
      version,
      state: this.#state,
      address,
      adminAddress: this.#adminAddress,
      startedAt,
      engines: this.#engines(),
      callsInHand: serviceCalls.size,
      serviceBytes: serviceBudget.used,
      handshakesFailed: notes.failedHandshakes,
      offenders: notes.offenders,
    });
  }

  close({ graceMs = DEFAULT_GRACE_MS }: CloseOptions = {}): Promise<void> {
    if (this.#closing === undefined) this.#closing = this.#close(graceMs);
    else if (graceMs === 0) void this.#parts.engine?.close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(graceMs: number): Promise<void> {
    const { core, engine, inProcess, open, options, serviceCalls } = this.#parts;
    this.#state = 'draining';
    if (this.#announced) options.logger.debug({ graceMs, subscriptions: open.size }, 'draining');
    core.drain();
    for (const companion of this.#companions) companion.draining?.();
    this.#attached.close();
    for (const { peer, stream } of [...open]) {
      // Those inside the process; the engine ends its own.
      if (peer.fixed)
        stream.endConnection(UNAVAILABLE, 'the broker is shutting down: subscribe again', graceMs);
    }
    try {
      if (graceMs > 0) await Promise.all([engine?.drain(graceMs), within(graceMs, serviceCalls.idle())]);
      await engine?.close();
      for (const outlet of [...open]) outlet.end(UNAVAILABLE, 'the broker has been closed');
      inProcess.close();
      serviceCalls.abortAll();
      for (const host of this.#hosts.values()) host.close();
      for (const companion of this.#companions) await companion.close();
      await this.#parts.store.close();
    } catch (thrown) {
      options.logger.error({ error: CeBrokerError.from(thrown).message }, 'something could not be closed');
    } finally {
      clearInterval(this.#ticker);
      this.#state = 'closed';
      if (this.#announced) options.logger.info({}, 'closed');
      this.#resolveClosed();
    }
  }

  #tick(): void {
    const { clock, core, notes, options, pressure, serviceCalls } = this.#parts;
    const now = clock.now();
    try {
      pressure.measured(this.#heldBytes());
      core.tick(now);
      serviceCalls.tick(now);
      notes.flush();
    } catch (thrown) {
      options.logger.error(
        { error: CeBrokerError.from(thrown, 'internal').stack },
        'a defect of the broker; it goes on',
      );
    }
  }

  #heldBytes(): number {
    let held = 0;
    for (const outlet of this.#parts.open) held += outlet.measure();
    for (const outlet of this.#attached.subscriptions()) held += outlet.measure();
    return held;
  }

  #engines(): RpcEngineStats[] {
    const { engine, inProcess } = this.#parts;
    const own = engine === undefined ? [] : [engine.stats()];
    return [...own, inProcess.stats(), ...this.#attached.stats()];
  }

  #refuseUnlessServing(): void {
    if (this.#state !== 'serving')
      throw new CeBrokerError('unavailable', 'the broker is closed, or about to be');
  }
}

/** Waits for something, but not longer. */
async function within(ms: number, wanted: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([wanted, enough]);
  clearTimeout(timer);
}
