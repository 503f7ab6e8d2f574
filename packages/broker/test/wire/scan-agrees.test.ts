import {
  CeBrokerError,
  decodeEventParts,
  Extension,
  encodePublishRequest,
  readClusterName,
  readDeletionTimestamp,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
  readStatusHash,
  readStringExtension,
  splitEventType,
  timestampToMillis,
  WireWriter,
} from 'ce-broker-proto';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Envelope } from '../../src/wire/envelope.js';
import { EventTypes } from '../../src/wire/event-types.js';
import { FastScan } from '../../src/wire/fast-scan.js';
import { Scanner } from '../../src/wire/scan.js';
import { entry, message, mutated } from './messages.js';

/** What a call gave: its result, or the code and field of the CeBrokerError that it threw. */
function outcome<T>(call: () => T): { ok: T } | { code: string; field: string | undefined } {
  try {
    return { ok: call() };
  } catch (error) {
    if (!(error instanceof CeBrokerError)) throw error;
    expect(error.field).not.toBeUndefined();
    return { code: error.code, field: error.field };
  }
}

/** An envelope by the rules, written down once more on top of the full decoder. */
function expected(bytes: Buffer): Omit<Envelope, 'bytes'> {
  const { event, structured, dataStart, dataEnd } = decodeEventParts(bytes);
  if (event.id.trim() === '') throw new CeBrokerError('invalid_argument', 'id', { field: 'id' });
  if (event.source.trim() === '') throw new CeBrokerError('invalid_argument', 'source', { field: 'source' });
  const type = { name: event.type, ...splitEventType(event.type) };
  const deletion = readDeletionTimestamp(event);
  const version = outcome(() => readResourceVersion(event));
  readStringExtension(event, Extension.metadata);
  return {
    id: event.id,
    source: event.source,
    type,
    cluster: readClusterName(event),
    originalSource: readOriginalSource(event),
    resourceId: readResourceId(event),
    version: 'ok' in version ? (version.ok ?? 0n) : 0n,
    versionState: !('ok' in version) ? 'invalid' : version.ok === undefined ? 'absent' : 'valid',
    deleting: deletion !== undefined,
    deletedAt: deletion === undefined ? 0 : timestampToMillis(deletion),
    time: event.time === undefined ? 0 : timestampToMillis(event.time),
    sequenceId: readSequenceId(event),
    statusHash: readStatusHash(event),
    hasMetadata: event.extensions.has('metadata'),
    contentType: structured ? 'application/cloudevents+json' : event.dataContentType,
    dataStart,
    dataEnd,
  };
}

function check(scanner: Scanner, bytes: Buffer): void {
  const scanned = outcome(() => {
    const { bytes: kept, ...rest } = scanner.scanEvent(bytes);
    expect(kept).toBe(bytes);
    return rest;
  });
  const wanted = outcome(() => expected(bytes));
  if ('ok' in wanted || 'ok' in scanned) expect(scanned).toEqual(wanted);
  else expect(scanned.code).toBe(wanted.code);
}

// One scanner for all runs, so that what it keeps from one message is tried on the next.
const scanner = new Scanner();

it('scan and full decode agree on every message that a writer could make', () => {
  fc.assert(
    fc.property(message, (bytes) => check(scanner, bytes)),
    { numRuns: 5000 },
  );
});

it('scan and full decode agree on every mutated message', () => {
  fc.assert(
    fc.property(mutated, (bytes) => check(scanner, bytes)),
    { numRuns: 10_000 },
  );
});

it('scan and full decode agree however the fields around the source are ordered, repeated and left out', () => {
  // Few values of the same lengths: what was kept of one message must never be taken for the like of it in another.
  const field = (number: number, ...values: string[]) =>
    fc.constantFrom(...values).map((value) => new WireWriter().stringField(number, value, 'x').finish());
  const source = field(2, 'source1', 'source2', 'sourceü');
  const version = fc.oneof({ weight: 9, arbitrary: field(3, '1.0') }, field(3, '0.3', '1.1'));
  const type = field(
    4,
    'a.b.c.spec.create_request',
    'a.b.c.spec.update_request',
    'a.b.c.nope.update_request',
  );
  const head = fc.tuple(source, version, type).map((parts) => Buffer.concat(parts));
  // As long as a version, so that it can stand where `1.0` would.
  const id = field(1, 'id1', 'id2');
  const headers = fc.array(fc.oneof({ weight: 3, arbitrary: head }, source, version, type, id), {
    maxLength: 5,
  });
  const attribute = entry('ce-clustername', { kind: 'string', value: 'c1' });
  fc.assert(
    fc.property(fc.tuple(id, headers), ([first, rest]) =>
      check(scanner, Buffer.concat([first, ...rest, attribute])),
    ),
    { numRuns: 5000 },
  );
});

it('nothing but CeBrokerError is thrown for a mutated PublishRequest', () => {
  const request = fc
    .tuple(mutated, fc.uint8Array({ maxLength: 6 }))
    .map(([event, tail]) => Buffer.concat([encodePublishRequest(event), tail]));
  fc.assert(
    fc.property(fc.oneof(request, mutated), (bytes) => {
      outcome(() => scanner.scanPublishRequest(bytes));
    }),
    { numRuns: 5000 },
  );
});

it('takes the short way for a good part of the messages tried, or the tests above would prove little', () => {
  const fast = new FastScan(new EventTypes());
  for (const [messages, share] of [
    [message, 0.15],
    [mutated, 0.15],
  ] as const) {
    const sample = fc.sample(messages, { numRuns: 2000, seed: 1 });
    const short = sample.filter((bytes) => {
      const result = outcome(() => fast.scan(bytes));
      return 'ok' in result && result.ok !== undefined;
    });
    expect(short.length / sample.length).toBeGreaterThan(share);
  }
});
