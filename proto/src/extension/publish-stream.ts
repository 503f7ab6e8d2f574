import { decodePublishRequest } from '../codec/requests.js';
import { asBuffer, WireReader } from '../codec/wire-reader.js';
import { varintSize, WireWriter } from '../codec/wire-writer.js';

/** Some events, numbered from `firstSequence` on. */
export interface PublishBatch {
  readonly firstSequence: number;
  /** Encoded CloudEvents. */
  readonly events: readonly Uint8Array[];
}

/** What became of published events. */
export interface PublishAnswer {
  /** Every event up to this number has its outcome: durable, unless it was refused. 0: none has. */
  readonly acknowledged: number;
  /** Durable events beyond it, each told once. */
  readonly acknowledgedEarly: readonly number[];
  readonly refusals: readonly PublishRefusal[];
  /** How many event bytes may be unanswered; 0: as before. */
  readonly windowBytes: number;
}

/** Why an event was not taken. */
export interface PublishRefusal {
  readonly sequence: number;
  /** A gRPC status code, never 0. */
  readonly code: number;
  readonly message: string;
}

/** What an event costs in a batch beside its own bytes, at most. */
export const BATCH_ENTRY_BYTES = 6;

/** The bytes of a PublishBatch. */
export function encodePublishBatch({ firstSequence, events }: PublishBatch): Buffer {
  let size = 1 + varintSize(firstSequence);
  for (const event of events) size += 1 + varintSize(event.length) + event.length;
  const writer = new WireWriter(size + 16);
  for (const event of events) writer.bytesField(1, event);
  return writer.countField(2, firstSequence).finish();
}

/** Reads a PublishBatch; its events are views of the bytes. Throws `invalid_argument` naming the field. */
export function decodePublishBatch(bytes: Uint8Array): PublishBatch {
  const { firstSequence, requests } = splitPublishBatch(bytes);
  return { firstSequence, events: requests.map(decodePublishRequest) };
}

/** What a batch is made of. */
export interface PublishRequests {
  readonly firstSequence: number;
  /** One encoded PublishRequest for each event. */
  readonly requests: readonly Buffer[];
}

/**
 * Takes a PublishBatch apart: its field of events is written as the one field of a PublishRequest is, so each is a view of the bytes.
 * Throws `invalid_argument` naming the field.
 */
export function splitPublishBatch(bytes: Uint8Array): PublishRequests {
  const reader = new WireReader(asBuffer(bytes), 0, bytes.length, 'batch');
  let firstSequence = 0;
  const requests: Buffer[] = [];
  while (!reader.done) {
    const begin = reader.pos;
    const tag = reader.tag();
    if (tag >>> 3 === 1) {
      reader.pass(tag, 'events');
      requests.push(reader.bytes.subarray(begin, reader.pos));
    } else if (tag >>> 3 === 2) firstSequence = reader.count(tag, 'first_sequence');
    else reader.skip(tag);
  }
  return { firstSequence, requests };
}

/** The bytes of a PublishAnswer. */
export function encodePublishAnswer(answer: PublishAnswer): Buffer {
  const writer = new WireWriter(32).countField(1, answer.acknowledged);
  for (const sequence of answer.acknowledgedEarly) writer.countField(2, sequence);
  for (const { sequence, code, message } of answer.refusals) {
    const refusal = new WireWriter(256)
      .countField(1, sequence)
      .countField(2, code)
      .stringField(3, message.toWellFormed(), 'message');
    writer.bytesField(3, refusal.finish());
  }
  return writer.countField(4, answer.windowBytes).finish();
}

/** Reads a PublishAnswer. Throws `invalid_argument` naming the field. */
export function decodePublishAnswer(bytes: Uint8Array): PublishAnswer {
  const reader = new WireReader(asBuffer(bytes), 0, bytes.length, 'answer');
  let [acknowledged, windowBytes] = [0, 0];
  const acknowledgedEarly: number[] = [];
  const refusals: PublishRefusal[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) acknowledged = reader.count(tag, 'acknowledged');
    else if (tag >>> 3 === 2) reader.counts(tag, 'acknowledged_early', acknowledgedEarly);
    else if (tag >>> 3 === 3) refusals.push(readRefusal(reader.message(tag, 'refusals')));
    else if (tag >>> 3 === 4) windowBytes = reader.count(tag, 'window_bytes');
    else reader.skip(tag);
  }
  return { acknowledged, acknowledgedEarly, refusals, windowBytes };
}

function readRefusal(reader: WireReader): PublishRefusal {
  let [sequence, code, message] = [0, 0, ''];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) sequence = reader.count(tag, 'sequence');
    else if (tag >>> 3 === 2) code = reader.count(tag, 'code');
    else if (tag >>> 3 === 3) message = reader.string(tag, 'message');
    else reader.skip(tag);
  }
  return { sequence, code, message };
}
