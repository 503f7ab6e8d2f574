export type { Logger } from 'ce-broker-proto';
export type { DataTypePolicy } from './access/data-type-policy.js';
export type { Identity } from './access/identity.js';
export type { StaticToken } from './access/token-table.js';
export type { MassDeletion } from './core/index.js';
export {
  type AttachedServer,
  type Broker,
  type BrokerOptions,
  type BrokerState,
  type BrokerStatus,
  type CloseOptions,
  type DiscardedRow,
  type DiscardRequest,
  formatAddress,
  type H2LimitOptions,
  type H2Limits,
  type HeldCounts,
  type HeldRow,
  type HoldRequest,
  type HoldSubject,
  type HostPort,
  type InProcessOptions,
  type KubernetesStatus,
  kubernetesRefusal,
  type PemSource,
  type ReleaseRequest,
  type ResolvedOptions,
  type Service,
  type ServiceHandleContext,
  type ServiceListOptions,
  type ServiceRegistration,
  startBroker,
  type TlsOptions,
  validateOptions,
} from './server/index.js';
export type { StoreProvider } from './state/event-store.js';
