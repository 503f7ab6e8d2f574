/** Load on any CloudEvents gRPC server, over the raw wire: what `ce-broker bench` and the benchmarks stand on. */
export type { RawConnectionOptions, RawTls } from './dial.js';
export { clusterName, type EventShape, EventTemplate, subscriptionRequest } from './event-template.js';
export { PUBLISH_PATH, PUBLISH_STREAM_PATH, SUBSCRIBE_PATH } from './fleet.js';
export { Histogram } from './histogram.js';
export { HuffmanDecoder } from './huffman.js';
export type { LatencySummary, LoadOptions, LoadProgress, LoadReport } from './options.js';
export { RawConnection } from './raw-connection.js';
export { RawStream, type RawStreamListener } from './raw-stream.js';
export { formatReport } from './report.js';
export { runLoad } from './run.js';
export { statusName } from './status.js';
