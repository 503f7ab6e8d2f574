import { randomUUID } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';
import {
  type Authenticator,
  AuthenticatorChain,
  CertificateAuthenticator,
  TokenAuthenticator,
} from '../access/authenticator.js';
import { DataTypePolicies } from '../access/data-type-policy.js';
import { Roles } from '../access/roles.js';
import { BrokerCore } from '../core/index.js';
import { ByteBudget } from '../delivery/byte-budget.js';
import type { RpcMethods, SocketRpcEngine } from '../rpc/index.js';
import type { OpenStore } from '../state/event-store.js';
import { MemoryStore } from '../state/memory-store.js';
import { formatAddress, type HostPort } from './address.js';
import type { Broker } from './broker.js';
import { type Clock, processClock } from './clock.js';
import { accompany } from './companions.js';
import { extensionMethods } from './extension/methods.js';
import { Health } from './health.js';
import { JobLoop } from './job-loop.js';
import { makeEngine } from './make-engine.js';
import { cloudEventMethods, type MethodParts } from './methods.js';
import { NoteLog } from './notes.js';
import type { BrokerOptions, ResolvedOptions } from './options.js';
import { Peers } from './peers.js';
import { reflectionMethods } from './reflection.js';
import { RunningBroker } from './running-broker.js';
import { ServiceCalls } from './service-calls.js';
import { startAdmin } from './start-admin.js';
import { StreamPressure } from './stream-pressure.js';
import type { SubscriptionOutlet } from './subscription.js';
import { loadTls } from './tls-material.js';
import { TokenSource } from './token-source.js';
import { Traffic } from './traffic.js';
import { validateOptions } from './validate-options.js';
import { brokerVersion } from './version.js';

/**
 * Starts a broker. Resolves once it listens; rejects with CeBrokerError: `invalid_option` (with the option as its `field`),
 * `unreadable_file`, `invalid_config` (a broken token file, with its line), `address_in_use`, and what the store's provider says.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const resolved = validateOptions(options);
  const store = await openStore(resolved);
  try {
    return await startWith(resolved, store);
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

async function startWith(resolved: ResolvedOptions, store: OpenStore): Promise<Broker> {
  const { logger } = resolved;
  const clock = processClock;
  const startedAt = clock.now();
  const tokens = new TokenSource(resolved.tokens, resolved.tokenFile);
  const hasTokens = resolved.tokens.length > 0 || resolved.tokenFile !== undefined;
  const clientCertificate = hasTokens ? 'optional' : 'required';
  const tls = resolved.tls === undefined ? undefined : loadTls(resolved.tls, clientCertificate);
  const roles = new Roles(resolved.roles);
  const chain = authentication(resolved, roles, tokens);
  const peers = new Peers(chain, () => tokens.generation);
  const notes = new NoteLog(logger, clock);
  const onFault = (error: unknown): void =>
    logger.error(
      { error: CeBrokerError.from(error, 'internal').stack },
      'a defect of the broker; it goes on',
    );
  const traffic = new Traffic();
  const core = makeCore(resolved, store, clock, notes, traffic, onFault);
  const open = new Set<SubscriptionOutlet>();
  const pressure = new StreamPressure(resolved.totalStreamBytes);
  const methodsFor = (into: Set<SubscriptionOutlet>): RpcMethods => {
    const parts: MethodParts = {
      core,
      clock,
      peers,
      traffic,
      notes,
      open: into,
      pressure,
      streamBufferBytes: resolved.streamBufferBytes,
      newId: randomUUID,
      maxMessageBytes: resolved.maxMessageBytes,
      maxSubscriptionsPerConnection: resolved.maxSubscriptionsPerConnection,
    };
    return { ...cloudEventMethods(parts), ...extensionMethods(parts) };
  };
  const methods = methodsFor(open);
  const health = resolved.listen !== false && resolved.healthAndReflection ? new Health() : undefined;
  const rpc = await import('../rpc/index.js');
  const { listen, maxMessageBytes, streamBufferBytes } = resolved;
  const served = health === undefined ? methods : { ...methods, ...health.methods, ...reflectionMethods() };
  const engine =
    listen === false ? undefined : makeEngine(rpc, resolved, { methods: served, tls, notes, onFault });
  const address = listen === false || engine === undefined ? undefined : await listenOn(engine, listen);
  const serviceBudget = new ByteBudget(resolved.serviceBytes);
  const broker = new RunningBroker({
    options: resolved,
    core,
    store,
    clock,
    roles,
    notes,
    methodsFor,
    pressure,
    engine,
    inProcess: new rpc.InProcessEngine({ methods, maxMessageBytes, streamBufferBytes, onFault }),
    attach: (server, attached) => rpc.attachToServer(server, attached, { streamBufferBytes, onFault }),
    open,
    serviceCalls: new ServiceCalls(serviceBudget, resolved.publishTimeoutMs),
    serviceBudget,
    address,
    startedAt,
    version: brokerVersion(),
  });
  try {
    accompany(broker, { resolved, tokens, chain, engine, health, clientCertificate });
    await startAdmin(broker, { resolved, core, clock, traffic, chain, onFault });
    broker.announce({
      grpc: address === undefined ? 'none' : formatAddress(address),
      ...(engine === undefined ? {} : { engine: engine.name }),
      store: resolved.store === 'none' ? 'none' : store.name,
      tls: tls !== undefined,
    });
    return broker;
  } catch (thrown) {
    await broker.close({ graceMs: 0 });
    throw thrown;
  }
}

async function listenOn(engine: SocketRpcEngine, address: HostPort): Promise<HostPort> {
  try {
    return Object.freeze(await engine.listen(address));
  } catch (thrown) {
    await engine.close();
    throw thrown;
  }
}

function authentication(options: ResolvedOptions, roles: Roles, tokens: TokenSource): AuthenticatorChain {
  const links: Authenticator[] = [];
  if (options.tls?.clientCa !== undefined) links.push(new CertificateAuthenticator(roles));
  if (options.tokens.length > 0 || options.tokenFile !== undefined) {
    links.push(new TokenAuthenticator(roles, () => tokens.table));
  }
  return new AuthenticatorChain(links, roles);
}

async function openStore({ logger, store }: ResolvedOptions): Promise<OpenStore> {
  if (typeof store === 'object') return store.open({ logger });
  return new MemoryStore(randomUUID());
}

function makeCore(
  options: ResolvedOptions,
  store: OpenStore,
  clock: Clock,
  notes: NoteLog,
  traffic: Traffic,
  onFault: (error: unknown) => void,
): BrokerCore {
  const jobs = new JobLoop(clock, onFault);
  const core = new BrokerCore({
    store,
    clock: () => clock.now(),
    port: {
      wake: () => jobs.wake(),
      newId: randomUUID,
      note: (note) => notes.write(note),
      resynced: (role, since) => traffic.resyncs[role].add((clock.now() - since) / 1000),
    },
    policies: new DataTypePolicies(options.dataTypes),
    options: {
      keepState: options.store !== 'none',
      orphans: options.orphans,
      massDeletion: options.massDeletion,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      drainTimeoutMs: options.drainTimeoutMs,
      publishTimeoutMs: options.publishTimeoutMs,
      laneBytes: options.laneBytes,
      totalLaneBytes: options.totalLaneBytes,
      receiverMaxBytes: options.receiverMaxBytes,
      history: options.history,
    },
  });
  jobs.use(core);
  return core;
}
