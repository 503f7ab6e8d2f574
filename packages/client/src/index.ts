/**
 * Source and agent clients for ce-broker, with the concepts of the Go SDK's package `generic`.
 *
 * @packageDocumentation
 */
export type { CloudEventTransport } from 'ce-broker-proto';
export type { DelayFn } from './backoff/reconnect-backoff.js';
export type { ClientConfig } from './base/client-config.js';
export type { ClientStatus } from './base/client-status.js';
export type { AnyCodec, Codec, EventCodec } from './generic/codec.js';
export {
  CLUSTER_ALL,
  type Lister,
  type ListOptions,
  SOURCE_ALL,
  type StatusHashGetter,
} from './generic/lister.js';
export {
  type HandlerContext,
  isDeleting,
  ResourceAction,
  type ResourceHandler,
  type ResourceObject,
} from './generic/resource.js';
export type {
  CloudEventsAgentOptions,
  CloudEventsOptions,
  CloudEventsSourceOptions,
  ConnectContext,
  EventRateLimit,
} from './transports/cloud-events-options.js';
export {
  type OpenTransport,
  transportAgentOptions,
  transportOptions,
  transportSourceOptions,
} from './transports/given-transport.js';
