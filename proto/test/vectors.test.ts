import {
  CeBrokerError,
  CloudEventsDataType,
  CloudEventsType,
  decodeEvent,
  decodePublishRequest,
  decodeSpecResyncBody,
  decodeStatusResyncBody,
  decodeSubscriptionRequest,
  encodeEvent,
  encodeHeartbeat,
  encodePublishRequest,
  encodeSubscriptionRequest,
  isHeartbeat,
  type JsonValue,
  manifestWorkStatusHash,
  parseInt64,
  statusHash,
} from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { comparable, readVectors, sha256, toEvent, type Vector } from './vectors.js';

/** Where our reader differs from Go's on purpose. */
const readDifferently: Readonly<Record<string, string>> = {
  'unprefixed-all':
    'the plain CloudEvents protobuf format is read where no prefixed name is there; Go ignores it',
  'text-data': 'text_data is read; Go loses it',
};

/** What Go writes, and neither Go nor we read back: an event without attributes. */
const unreadable = new Set(['minimal-no-attributes', 'heartbeat-1']);
/** Structured mode is read, never written. */
const readOnly = new Set(['structured-binary-data']);

function bytesOf(vector: Vector): Buffer {
  if (vector.hex === undefined) throw new Error(`${vector.name} has no bytes`);
  return Buffer.from(vector.hex, 'hex');
}

function thrownBy(call: () => unknown): CeBrokerError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(CeBrokerError);
    if (error instanceof CeBrokerError) return error;
  }
  throw new Error('nothing was thrown');
}

describe('what Go writes', () => {
  for (const vector of readVectors('write.jsonl')) {
    it(`${vector.name} (${vector.sdk.join(', ')})`, () => {
      if (vector.request !== undefined) {
        expect(decodeSubscriptionRequest(bytesOf(vector))).toEqual(vector.request);
        expect(encodeSubscriptionRequest(vector.request).toString('hex')).toBe(vector.hex);
        return;
      }
      if (vector.event === undefined) throw new Error('a line of a kind that this test does not know');
      const event = toEvent(vector.event);
      const wrap = (bytes: Uint8Array) =>
        vector.kind === 'PublishRequest' ? encodePublishRequest(bytes) : bytes;
      if (!readOnly.has(vector.name)) {
        const written = wrap(encodeEvent(event));
        if (vector.bytes === undefined) expect(Buffer.from(written).toString('hex')).toBe(vector.hex);
        else
          expect({ length: written.length, sha256: sha256(written) }).toMatchObject(
            lengthAndHash(vector.bytes),
          );
      }
      const whole = vector.hex === undefined ? wrap(encodeEvent(event)) : bytesOf(vector);
      const bytes = vector.kind === 'PublishRequest' ? decodePublishRequest(whole) : whole;
      if (unreadable.has(vector.name)) {
        expect(thrownBy(() => decodeEvent(bytes))).toMatchObject({
          code: 'invalid_argument',
          field: 'attributes',
        });
      } else {
        expect(comparable(decodeEvent(bytes))).toEqual(comparable(event));
      }
      if (vector.name.startsWith('heartbeat')) {
        expect(isHeartbeat(bytes)).toBe(true);
        expect(encodeHeartbeat(event.id).toString('hex')).toBe(vector.hex);
      } else expect(isHeartbeat(bytes)).toBe(false);
    });
  }
});

function lengthAndHash({ length, sha256: hash }: { length: number; sha256: string }) {
  return { length, sha256: hash };
}

describe('what Go makes of bytes', () => {
  for (const vector of readVectors('read.jsonl')) {
    const reason = readDifferently[vector.name];
    it(`${vector.name} (${vector.sdk.join(', ')})${reason === undefined ? '' : `, differently: ${reason}`}`, () => {
      const { event, error, typeError } = vector.read ?? {};
      const bytes = bytesOf(vector);
      if (error !== undefined) {
        expect(thrownBy(() => decodeEvent(bytes)).code).toBe('invalid_argument');
        return;
      }
      if (event === undefined) throw new Error('a line of a kind that this test does not know');
      const read = decodeEvent(bytes);
      if (reason === undefined) expect(comparable(read)).toEqual(comparable(toEvent(event)));
      else expect(comparable(read)).not.toEqual(comparable(toEvent(event)));
      if (typeError === undefined) expect(CloudEventsType.parse(read.type).toString()).toBe(read.type);
      else expect(thrownBy(() => CloudEventsType.parse(read.type))).toMatchObject({ field: 'type' });
    });
  }
});

describe('strings', () => {
  for (const vector of readVectors('types.jsonl')) {
    it(`${vector.kind}: ${vector.name} (${vector.sdk.join(', ')})`, () => {
      const input = String(vector.input);
      const read = reader(vector, input);
      if (vector.result === undefined) expect(thrownBy(read).code).toBe('invalid_argument');
      else
        expect(read()).toEqual(vector.kind.endsWith('Body') ? resyncEntries(vector.result) : vector.result);
    });
  }
});

function reader(vector: Vector, input: string): () => unknown {
  const data = Buffer.from(input, 'utf8');
  switch (vector.kind) {
    case 'CloudEventsType':
      return () => {
        const type = CloudEventsType.parse(input);
        const { subResource, action } = type;
        return { ...partsOf(type.dataType), subResource, action, string: type.toString() };
      };
    case 'CloudEventsDataType':
      return () => {
        const type = CloudEventsDataType.parse(input);
        return { ...partsOf(type), string: type.toString() };
      };
    case 'specResyncBody':
      return () => decodeSpecResyncBody(data);
    case 'statusResyncBody':
      return () => decodeStatusResyncBody(data);
    case 'statusHash': {
      const hash = vector.sdk.includes('v0.15.0') ? manifestWorkStatusHash : statusHash;
      return () => hash(vector.input as JsonValue);
    }
    default:
      throw new Error(`a line of a kind that this test does not know: ${vector.kind}`);
  }
}

function partsOf({ group, version, resource }: CloudEventsDataType) {
  return { group, version, resource };
}

interface GoBody {
  readonly resourceVersions?: readonly { resourceID: string; resourceVersion: number }[] | null;
  readonly statusHashes?: readonly { resourceID: string; statusHash: string }[] | null;
}

function resyncEntries(result: unknown): unknown {
  const { resourceVersions, statusHashes } = result as GoBody;
  if (statusHashes)
    return statusHashes.map(({ resourceID, statusHash: hash }) => ({
      resourceId: resourceID,
      statusHash: hash,
    }));
  return (resourceVersions ?? []).map(({ resourceID, resourceVersion }) => ({
    resourceId: resourceID,
    resourceVersion: parseInt64(String(resourceVersion)),
  }));
}
