export { formatAddress, type HostPort, isLoopback, parseAddress } from './address.js';
export type { AttachedServer, Broker, CloseOptions, InProcessOptions } from './broker.js';
export type { HeldCounts, HeldRow, HoldRequest, HoldSubject, ReleaseRequest } from './holds.js';
export type { BrokerOptions, PemSource, ResolvedOptions, TlsOptions } from './options.js';
export { type KubernetesStatus, kubernetesRefusal } from './refusal.js';
export type { Service, ServiceHandleContext, ServiceListOptions, ServiceRegistration } from './service.js';
export type { BrokerState, BrokerStatus } from './snapshot.js';
export { startBroker } from './start-broker.js';
export { validateOptions } from './validate-options.js';
