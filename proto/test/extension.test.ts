import {
  type BrokerDescription,
  CeBrokerError,
  decodeDescription,
  decodePublishAnswer,
  decodePublishBatch,
  decodeWatchMessage,
  decodeWatchRequest,
  ExtensionPath,
  encodeCaughtUp,
  encodeDescription,
  encodePublishAnswer,
  encodePublishBatch,
  encodeWatchBatch,
  encodeWatchHeartbeat,
  encodeWatchRequest,
  encodeWatchStarted,
  type PublishAnswer,
  type WatchRequest,
} from 'ce-broker-proto';
import * as generated from 'ce-broker-proto/service';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const texts = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 4 });
const events = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 });
const plain = (list: readonly Uint8Array[]) => list.map((bytes) => Buffer.from(bytes).toString('hex'));

it('the paths are those of the service', () => {
  const { describe, publishStream, watch } = generated.BrokerService;
  expect(ExtensionPath).toEqual({
    describe: describe.path,
    publishStream: publishStream.path,
    watch: watch.path,
  });
});

it('descriptions are what the generated code reads and writes', () => {
  const limits = fc.record({
    maxMessageBytes: count,
    publishWindowBytes: count,
    publishTimeoutMs: count,
    heartbeatIntervalMs: count,
    receiverMaxBytes: count,
  });
  const some = fc.record({
    version: fc.string(),
    epoch: fc.string(),
    position: count,
    features: texts,
    limits,
  });
  fc.assert(
    fc.property(some, (description: BrokerDescription) => {
      const read = generated.DescribeResponse.decode(encodeDescription(description));
      expect(read.version).toBe(description.version);
      expect(Number(read.position)).toBe(description.position);
      expect(Number(read.limits?.receiverMaxBytes)).toBe(description.limits.receiverMaxBytes);
      expect(decodeDescription(generated.DescribeResponse.encode(read).finish())).toEqual(description);
    }),
  );
});

it('batches and answers are what the generated code reads and writes', () => {
  fc.assert(
    fc.property(count, events, (firstSequence, list) => {
      const bytes = encodePublishBatch({ firstSequence, events: list });
      const read = generated.PublishBatch.decode(bytes);
      expect(Number(read.firstSequence)).toBe(firstSequence);
      expect(plain(read.events)).toEqual(plain(list));
      const back = decodePublishBatch(generated.PublishBatch.encode(read).finish());
      expect([back.firstSequence, plain(back.events)]).toEqual([firstSequence, plain(list)]);
    }),
  );
  const refusal = fc.record({
    sequence: count,
    code: fc.integer({ min: 1, max: 16 }),
    message: fc.string({ unit: 'grapheme' }),
  });
  const answer = fc.record({
    acknowledged: count,
    acknowledgedEarly: fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 4 }),
    refusals: fc.array(refusal, { maxLength: 3 }),
    windowBytes: count,
  });
  fc.assert(
    fc.property(answer, (given: PublishAnswer) => {
      const read = generated.PublishAnswer.decode(encodePublishAnswer(given));
      // The generated code writes the numbers packed, ours one by one: both are read.
      expect(decodePublishAnswer(generated.PublishAnswer.encode(read).finish())).toEqual(given);
      expect(decodePublishAnswer(encodePublishAnswer(given))).toEqual(given);
    }),
  );
});

it('what a Watch asks for is what the generated code reads and writes', () => {
  const point = fc.record({ epoch: fc.string(), position: count });
  const start = fc.oneof(
    fc.constant({ kind: 'newest' as const }),
    fc.constant({ kind: 'everything' as const }),
    point.map((after) => ({ kind: 'after' as const, point: after })),
  );
  const some = fc.record({
    source: fc.string(),
    clusterName: fc.string(),
    dataTypes: texts,
    sources: texts,
    clusters: texts,
    start,
  });
  fc.assert(
    fc.property(some, (request: WatchRequest) => {
      const read = generated.WatchRequest.decode(encodeWatchRequest(request));
      expect(decodeWatchRequest(generated.WatchRequest.encode(read).finish())).toEqual(request);
    }),
  );
  expect(decodeWatchRequest(Buffer.alloc(0)).start).toEqual({ kind: 'newest' });
});

it('the messages of a Watch are what the generated code reads and writes', () => {
  fc.assert(
    fc.property(events, count, fc.string(), fc.infiniteStream(count), (list, position, text, some) => {
      const positions = [...some.take(list.length)];
      const batch = generated.WatchResponse.decode(encodeWatchBatch(list, positions, position));
      const read = decodeWatchMessage(generated.WatchResponse.encode(batch).finish());
      if (read.kind !== 'batch') throw new Error(read.kind);
      expect([plain(read.events), read.position, read.positions]).toEqual([plain(list), position, positions]);
      for (const [kind, bytes] of [
        ['caught-up', encodeCaughtUp(position)],
        ['heartbeat', encodeWatchHeartbeat(position)],
      ] as const) {
        const again = generated.WatchResponse.encode(generated.WatchResponse.decode(bytes)).finish();
        expect(decodeWatchMessage(again)).toEqual({ kind, position });
      }
      const started = encodeWatchStarted('id', text, { epoch: text, position });
      const again = generated.WatchResponse.encode(generated.WatchResponse.decode(started)).finish();
      expect(decodeWatchMessage(again)).toEqual({
        kind: 'started',
        subscriptionId: 'id',
        restartReason: text,
        point: { epoch: text, position },
      });
    }),
  );
  expect(decodeWatchMessage(Buffer.from([0x7a, 0x00]))).toEqual({ kind: 'unknown' });
});

it('numbers that do not fit, and cut bytes, are refused by name', () => {
  const refused = (run: () => unknown, field: string) => {
    try {
      run();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(CeBrokerError);
      expect(thrown).toMatchObject({ code: 'invalid_argument', field });
      return;
    }
    throw new Error('was not refused');
  };
  const huge = generated.PublishBatch.encode({ firstSequence: 2n ** 53n, events: [] }).finish();
  refused(() => decodePublishBatch(huge), 'first_sequence');
  refused(() => decodePublishBatch(Buffer.from([0x0a, 0x05, 0x00])), 'events');
  refused(() => decodePublishAnswer(Buffer.from([0x12, 0x01, 0x80])), 'acknowledged_early');
  refused(() => decodeWatchRequest(Buffer.from([0x0a, 0x01, 0xff])), 'source');
});
