import { asBuffer, WireReader } from '../codec/wire-reader.js';
import { varintSize, WireWriter } from '../codec/wire-writer.js';
import type { SubscriptionMemory, TransportSubscribeRequest, TransportWatch } from '../transport.js';
import type { WatchPoint } from './watch-point.js';

/** Where a Watch begins. */
export type WatchStart =
  | { readonly kind: 'newest' }
  | { readonly kind: 'everything' }
  | { readonly kind: 'after'; readonly point: WatchPoint };

/** Who watches, what, and from where on. */
export interface WatchRequest {
  /** The source id; empty for an agent. */
  readonly source: string;
  /** The cluster name; empty for a source. */
  readonly clusterName: string;
  /** None: every one. */
  readonly dataTypes: readonly string[];
  /** For an agent: only resources of these sources; none: of every one. */
  readonly sources: readonly string[];
  /** For a source: only resources on these clusters; none: on every one. */
  readonly clusters: readonly string[];
  readonly start: WatchStart;
}

/** One message of a Watch. A position of 0 means: where to resume is as before. */
export type WatchMessage =
  | {
      readonly kind: 'started';
      readonly subscriptionId: string;
      /** Why everything is sent although a point was given; empty: it begins as asked. */
      readonly restartReason: string;
      readonly point: WatchPoint;
    }
  | {
      readonly kind: 'batch';
      readonly events: readonly Uint8Array[];
      readonly position: number;
      /** Of each event; 0 for one that is not kept. */
      readonly positions: readonly number[];
    }
  | { readonly kind: 'caught-up'; readonly position: number }
  | { readonly kind: 'heartbeat'; readonly position: number }
  /** A message of a later version. */
  | { readonly kind: 'unknown' };

/** A Watch for what a subscription asks for: after what it has had; the first time with everything, or with what is new. */
export function watchRequestOf(
  request: TransportSubscribeRequest,
  { point }: SubscriptionMemory,
  watch: TransportWatch = {},
): WatchRequest {
  const { source, clusterName, dataType } = request;
  const first = watch.everything === true ? 'everything' : 'newest';
  return {
    source,
    clusterName,
    dataTypes: watch.dataTypes ?? (dataType === '' ? [] : [dataType]),
    sources: watch.sources ?? [],
    clusters: watch.clusters ?? [],
    start: point === undefined ? { kind: first } : { kind: 'after', point },
  };
}

/** The bytes of a WatchRequest. */
export function encodeWatchRequest(request: WatchRequest): Buffer {
  const writer = new WireWriter(256);
  if (request.source !== '') writer.stringField(1, request.source, 'source');
  if (request.clusterName !== '') writer.stringField(2, request.clusterName, 'cluster_name');
  for (const dataType of request.dataTypes) writer.stringField(3, dataType, 'data_types');
  for (const source of request.sources) writer.stringField(4, source, 'sources');
  for (const cluster of request.clusters) writer.stringField(5, cluster, 'clusters');
  const { start } = request;
  if (start.kind === 'after') writer.bytesField(8, pointBytes(start.point));
  else writer.countField(start.kind === 'newest' ? 6 : 7, 1);
  return writer.finish();
}

/** Reads a WatchRequest; of several starts the last counts. Throws `invalid_argument` naming the field. */
export function decodeWatchRequest(bytes: Uint8Array): WatchRequest {
  const reader = new WireReader(asBuffer(bytes), 0, bytes.length, 'request');
  let [source, clusterName] = ['', ''];
  const [dataTypes, sources, clusters]: [string[], string[], string[]] = [[], [], []];
  let start: WatchStart = { kind: 'newest' };
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        source = reader.string(tag, 'source');
        break;
      case 2:
        clusterName = reader.string(tag, 'cluster_name');
        break;
      case 3:
        dataTypes.push(reader.string(tag, 'data_types'));
        break;
      case 4:
        sources.push(reader.string(tag, 'sources'));
        break;
      case 5:
        clusters.push(reader.string(tag, 'clusters'));
        break;
      case 6:
        if (reader.bool(tag, 'newest_only')) start = { kind: 'newest' };
        break;
      case 7:
        if (reader.bool(tag, 'everything')) start = { kind: 'everything' };
        break;
      case 8:
        start = { kind: 'after', point: readPoint(reader.message(tag, 'after')) };
        break;
      default:
        reader.skip(tag);
    }
  }
  return { source, clusterName, dataTypes, sources, clusters, start };
}

/** A WatchResponse that says how the subscription begins. */
export function encodeWatchStarted(subscriptionId: string, restartReason: string, point: WatchPoint): Buffer {
  const started = new WireWriter(128).stringField(1, subscriptionId, 'subscription_id');
  if (restartReason !== '') started.stringField(2, restartReason, 'restart_reason');
  started.bytesField(3, pointBytes(point));
  return new WireWriter(160).bytesField(1, started.finish()).finish();
}

/** A WatchResponse with events, each with its position, written in one piece. */
export function encodeWatchBatch(
  events: readonly Uint8Array[],
  positions: readonly number[],
  position: number,
): Buffer {
  let packed = 0;
  for (const one of positions) packed += varintSize(one);
  let size = position === 0 ? 0 : 1 + varintSize(position);
  if (positions.length > 0) size += 1 + varintSize(packed) + packed;
  for (const event of events) size += 1 + varintSize(event.length) + event.length;
  // Room for the longest varint that the writer reserves.
  const writer = new WireWriter(size + 24).varint(2 * 8 + 2).varint(size);
  for (const event of events) writer.bytesField(1, event);
  writer.countField(2, position);
  if (positions.length > 0) {
    writer.varint(3 * 8 + 2).varint(packed);
    for (const one of positions) writer.varint(one);
  }
  return writer.finish();
}

/** A WatchResponse that says: what was missed has been sent. */
export function encodeCaughtUp(position: number): Buffer {
  return positioned(3, position);
}

/** A WatchResponse that is a heartbeat. */
export function encodeWatchHeartbeat(position: number): Buffer {
  return positioned(4, position);
}

/** Reads a WatchResponse; events are views of the bytes. Throws `invalid_argument` naming the field. */
export function decodeWatchMessage(bytes: Uint8Array): WatchMessage {
  const reader = new WireReader(asBuffer(bytes), 0, bytes.length, 'message');
  let message: WatchMessage = { kind: 'unknown' };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 2) message = readBatch(reader.message(tag, 'batch'));
    else if (tag >>> 3 === 1) message = readStarted(reader.message(tag, 'started'));
    else if (tag >>> 3 === 3) {
      message = { kind: 'caught-up', position: readPosition(reader.message(tag, 'caught_up')) };
    } else if (tag >>> 3 === 4) {
      message = { kind: 'heartbeat', position: readPosition(reader.message(tag, 'heartbeat')) };
    } else reader.skip(tag);
  }
  return message;
}

function readBatch(reader: WireReader): WatchMessage {
  const events: Buffer[] = [];
  const positions: number[] = [];
  let position = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) events.push(reader.view(tag, 'events'));
    else if (tag >>> 3 === 2) position = reader.count(tag, 'position');
    else if (tag >>> 3 === 3) reader.counts(tag, 'positions', positions);
    else reader.skip(tag);
  }
  return { kind: 'batch', events, position, positions };
}

function readStarted(reader: WireReader): WatchMessage {
  let [subscriptionId, restartReason] = ['', ''];
  let point: WatchPoint = { epoch: '', position: 0 };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) subscriptionId = reader.string(tag, 'subscription_id');
    else if (tag >>> 3 === 2) restartReason = reader.string(tag, 'restart_reason');
    else if (tag >>> 3 === 3) point = readPoint(reader.message(tag, 'point'));
    else reader.skip(tag);
  }
  return { kind: 'started', subscriptionId, restartReason, point };
}

function positioned(field: number, position: number): Buffer {
  const inner = new WireWriter(16).countField(1, position).finish();
  return new WireWriter(32).bytesField(field, inner).finish();
}

function readPosition(reader: WireReader): number {
  let position = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) position = reader.count(tag, 'position');
    else reader.skip(tag);
  }
  return position;
}

function pointBytes({ epoch, position }: WatchPoint): Buffer {
  return new WireWriter(64).stringField(1, epoch, 'epoch').countField(2, position).finish();
}

function readPoint(reader: WireReader): WatchPoint {
  let [epoch, position] = ['', 0];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) epoch = reader.string(tag, 'epoch');
    else if (tag >>> 3 === 2) position = reader.count(tag, 'position');
    else reader.skip(tag);
  }
  return { epoch, position };
}
