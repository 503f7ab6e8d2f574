export { type DecodedEvent, decodeEvent, decodeEventParts } from './codec/decode.js';
export { encodeEvent, encodeValue } from './codec/encode.js';
export { encodeHeartbeat, isHeartbeat } from './codec/heartbeat.js';
export { topLevelMembers } from './codec/json-members.js';
export {
  decodePublishRequest,
  decodeSubscriptionRequest,
  encodePublishRequest,
  encodeSubscriptionRequest,
} from './codec/requests.js';
export { WireReader } from './codec/wire-reader.js';
export { varintSize, WireWriter } from './codec/wire-writer.js';
export {
  CeBrokerError,
  type CeBrokerErrorCode,
  type CeBrokerErrorOptions,
  ceBrokerErrorCodes,
  codeFromGrpc,
  type GrpcErrorCode,
  grpcCodeOf,
  type LocalErrorCode,
} from './errors.js';
export {
  type AttributeValue,
  createEvent,
  type Event,
  type EventData,
  type EventInit,
  eventDataBytes,
} from './event.js';
export {
  CloudEventsDataType,
  CloudEventsType,
  EventAction,
  type EventTypeParts,
  HEARTBEAT_TYPE,
  MANIFEST_BUNDLES,
  type SubResource,
  splitEventType,
} from './event-type.js';
export {
  type BrokerDescription,
  type BrokerLimits,
  decodeDescription,
  encodeDescription,
} from './extension/describe.js';
export { ExtensionFeature, ExtensionPath } from './extension/paths.js';
export {
  BATCH_ENTRY_BYTES,
  decodePublishAnswer,
  decodePublishBatch,
  encodePublishAnswer,
  encodePublishBatch,
  type PublishAnswer,
  type PublishBatch,
  type PublishRefusal,
  type PublishRequests,
  splitPublishBatch,
} from './extension/publish-stream.js';
export {
  decodeWatchMessage,
  decodeWatchRequest,
  encodeCaughtUp,
  encodeWatchBatch,
  encodeWatchHeartbeat,
  encodeWatchRequest,
  encodeWatchStarted,
  type WatchMessage,
  type WatchRequest,
  type WatchStart,
  watchRequestOf,
} from './extension/watch.js';
export type { WatchPoint } from './extension/watch-point.js';
export { type WatchedSubscription, WatchReader } from './extension/watch-reader.js';
export {
  Extension,
  type HasExtensions,
  INT64_MAX,
  INT64_MIN,
  parseInt64,
  readClusterName,
  readDeletionTimestamp,
  readMetadata,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
  readStatusHash,
  readStringExtension,
} from './extensions.js';
export { type Limits, limited, type Settle } from './limited.js';
export { type Logger, SILENT } from './logger.js';
export {
  decodeSpecResyncBody,
  decodeStatusResyncBody,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  type ResourceStatusHash,
  type ResourceVersion,
} from './resync.js';
export { type JsonValue, manifestWorkStatusHash, statusHash } from './status-hash.js';
export {
  formatRfc3339,
  MAX_TIMESTAMP_SECONDS,
  parseRfc3339,
  type Timestamp,
  timestampFromDate,
  timestampFromMillis,
  timestampToDate,
  timestampToMillis,
} from './timestamp.js';
export type {
  CloudEventTransport,
  SubscriptionMemory,
  TransportEnd,
  TransportListener,
  TransportPublishOptions,
  TransportSubscribeOptions,
  TransportSubscribeRequest,
  TransportSubscription,
  TransportWatch,
} from './transport.js';
