/**
 * Source and agent clients for ce-broker, with the concepts of the Go SDK's package `generic`.
 *
 * @packageDocumentation
 */
export {
  type AttributeValue,
  CeBrokerError,
  type CeBrokerErrorCode,
  CloudEventsDataType,
  CloudEventsType,
  type CloudEventTransport,
  createEvent,
  decodeSpecResyncBody,
  decodeStatusResyncBody,
  type Event,
  EventAction,
  type EventData,
  type EventInit,
  Extension,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  eventDataBytes,
  type JsonValue,
  type Limits,
  type Logger,
  manifestWorkStatusHash,
  type ResourceStatusHash,
  type ResourceVersion,
  readClusterName,
  readDeletionTimestamp,
  readMetadata,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
  readStatusHash,
  SILENT,
  type SubResource,
  statusHash,
  type Timestamp,
  type TransportEnd,
  type TransportListener,
  type TransportPublishOptions,
  type TransportSubscribeOptions,
  type TransportSubscribeRequest,
  type TransportSubscription,
  type TransportWatch,
  timestampToDate,
  type WatchPoint,
} from 'ce-broker-proto';
export type { AgentClientConfig } from './agent/agent-config.js';
export { CloudEventAgentClient } from './agent/cloud-event-agent-client.js';
export {
  type DelayFn,
  defaultReconnectBackoff,
  type ReconnectBackoffOptions,
  reconnectBackoff,
} from './backoff/reconnect-backoff.js';
export type { ClientConfig } from './base/client-config.js';
export type { ClientStatus } from './base/client-status.js';
export {
  type ClientRole,
  DiagnosticsChannel,
  type EventMessage,
  type ReconnectedMessage,
  type ResyncMessage,
} from './base/diagnostics.js';
export type { PublishOptions } from './base/publisher.js';
export { EventBuilder, newEventBuilder, type VersionForm } from './codec/event-builder.js';
export { type JsonCodecOptions, jsonCodec } from './codec/json-codec.js';
export {
  echoedStatusHash,
  type JsonResource,
  jsonStatusHash,
  manifestBundleStatusHash,
  manifestBundleStatusHashV015,
} from './codec/json-resource.js';
export {
  type KubernetesCodecOptions,
  kubernetesCodec,
  kubernetesStatusHash,
} from './codec/kubernetes-codec.js';
export {
  type KubernetesMetadata,
  type KubernetesObject,
  type KubernetesResource,
  type KubernetesResourceOptions,
  kubernetesResource,
} from './codec/kubernetes-resource.js';
export { MANIFEST_WORKS, type ResourceUidParts, resourceUid } from './codec/resource-uid.js';
export {
  compareSequenceIds,
  type SequenceIds,
  type SnowflakeOptions,
  snowflakeSequence,
} from './codec/sequence.js';
export {
  type BuildOptions,
  buildCloudEventsAgentOptions,
  buildCloudEventsSourceOptions,
  type ConnectionConfig,
} from './config/build-options.js';
export { ConfigLoader } from './config/config-loader.js';
export {
  CONFIG_TYPE_GRPC,
  CONFIG_TYPE_KAFKA,
  CONFIG_TYPE_MQTT,
  type ConfigType,
} from './config/config-type.js';
export { parseGoDuration } from './config/go-duration.js';
export { type GrpcConfig, type LoadedConfig, loadGrpcConfig, parseGrpcConfig } from './config/grpc-config.js';
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
export {
  AGENT_BROADCAST_TOPIC_PATTERN,
  AGENT_EVENTS_TOPIC_PATTERN,
  EVENTS_TOPIC_PATTERN,
  SOURCE_BROADCAST_TOPIC_PATTERN,
  SOURCE_EVENTS_TOPIC_PATTERN,
  SUB_RESOURCE_SPEC,
  SUB_RESOURCE_STATUS,
  type Topics,
} from './generic/topics.js';
export {
  DEFAULT_BURST,
  DEFAULT_QPS,
  RateLimiter,
  type RateLimiterClock,
  type RateLimiterOptions,
  type RateLimiterWait,
} from './limiter/rate-limiter.js';
export { CloudEventSourceClient, type WaitForOptions } from './source/cloud-event-source-client.js';
export type { SourceClientConfig } from './source/source-config.js';
export {
  type ResourcePlace,
  type ResourceQuery,
  ResourceStore,
  type ResourceStoreOptions,
  type StoredOptions,
} from './store/resource-store.js';
export type { StoreChange } from './store/store-watch.js';
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
export {
  connectGrpc,
  grpcAgentOptions,
  grpcOptions,
  grpcSourceOptions,
} from './transports/grpc/grpc-events-options.js';
export type { GrpcOptionNames, GrpcOptions, KeepAliveConfig } from './transports/grpc/grpc-options.js';
export { type EventWatch, watchEvents } from './watch/watch-events.js';
export type { WatchEventsOptions } from './watch/watch-options.js';
export type { Watched } from './watch/watch-queue.js';
