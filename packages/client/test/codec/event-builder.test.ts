import {
  type AttributeValue,
  CloudEventsType,
  decodeEvent,
  type Event,
  encodeEvent,
  eventDataBytes,
  MANIFEST_BUNDLES,
} from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { type EventBuilder, newEventBuilder, type VersionForm } from '../../src/codec/event-builder.js';
import { eventOf, readVectors, type WrittenVector } from './vectors.js';

const THINGS = CloudEventsType.parse('io.example.v1.things.spec.create_request');

function builder(type = THINGS): EventBuilder {
  return newEventBuilder('source1', type);
}

function versionOf(event: Event): AttributeValue | undefined {
  return event.extensions.get('resourceversion');
}

describe("Go's events", () => {
  const vectors = readVectors<WrittenVector>('write.jsonl').filter(({ category }) => category === 'builder');

  it.each(vectors)('are built attribute for attribute: $name', (vector) => {
    const wanted = eventOf(vector);
    const built = newEventBuilder(wanted.source, CloudEventsType.parse(wanted.type));
    const text = (name: string) => {
      const value = wanted.extensions.get(name);
      return value?.kind === 'string' ? value.value : '';
    };
    built
      .withResourceId(text('resourceid'))
      .withClusterName(text('clustername'))
      .withOriginalSource(text('originalsource'))
      .withStatusUpdateSequenceId(text('sequenceid'));
    const version = versionOf(wanted);
    if (version?.kind === 'integer') built.withResourceVersion(version.value, 'integer');
    const deletion = wanted.extensions.get('deletiontimestamp');
    if (deletion?.kind === 'timestamp') built.withDeletionTimestamp(new Date(deletion.value.seconds * 1000));
    const data = eventDataBytes(wanted);
    if (data !== undefined) built.withData(data, wanted.dataContentType ?? '');
    const { id, time, ...rest } = built.newEvent();
    expect({ ...wanted, ...rest }).toEqual(wanted);
    expect(rest.extensions).toEqual(wanted.extensions);
  });

  it('cover some builder vectors', () => {
    expect(vectors.length).toBeGreaterThan(5);
  });
});

describe('an event builder', () => {
  it('gives each event an id and a time of its own, and clustername and originalsource always', () => {
    const [first, second] = [builder().newEvent(), builder().newEvent()];
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(second.id).not.toBe(first.id);
    expect(Math.abs((first.time?.seconds ?? 0) * 1000 - Date.now())).toBeLessThan(60_000);
    expect(Object.fromEntries(first.extensions)).toEqual({
      clustername: { kind: 'string', value: '' },
      originalsource: { kind: 'string', value: '' },
    });
    expect(first.data).toBeUndefined();
  });

  it('leaves out what is empty', () => {
    const event = builder()
      .withResourceId('')
      .withStatusUpdateSequenceId('')
      .withStatusHash('')
      .withDeletionTimestamp(undefined)
      .withDeletionTimestamp('')
      .newEvent();
    expect([...event.extensions.keys()].sort()).toEqual(['clustername', 'originalsource']);
  });

  it('shares nothing between the events that it makes', () => {
    const one = builder().withClusterName('c1');
    const first = one.newEvent();
    const second = one.withClusterName('c2').withResourceId('r2').newEvent();
    expect(first.extensions.get('clustername')).toEqual({ kind: 'string', value: 'c1' });
    expect(first.extensions.has('resourceid')).toBe(false);
    expect(second.extensions.get('clustername')).toEqual({ kind: 'string', value: 'c2' });
  });

  it.each<[bigint | number | string, VersionForm, AttributeValue]>([
    [0, 'integer', { kind: 'integer', value: 0 }],
    [2147483647n, 'integer', { kind: 'integer', value: 2147483647 }],
    // Go drops these two without a word.
    [2147483648n, 'integer', { kind: 'string', value: '2147483648' }],
    ['9223372036854775807', 'integer', { kind: 'string', value: '9223372036854775807' }],
    [-2147483648, 'integer', { kind: 'integer', value: -2147483648 }],
    ['7', 'integer', { kind: 'integer', value: 7 }],
    [7, 'string', { kind: 'string', value: '7' }],
    ['007', 'string', { kind: 'string', value: '7' }],
    [7n, 'auto', { kind: 'string', value: '7' }],
  ])('writes version %s as %s', (version, form, wanted) => {
    expect(versionOf(builder().withResourceVersion(version, form).newEvent())).toEqual(wanted);
  });

  it('writes the version of a ManifestBundle as an integer by itself', () => {
    const type = CloudEventsType.parse(`${MANIFEST_BUNDLES}.spec.create_request`);
    expect(versionOf(builder(type).withResourceVersion(7n).newEvent())).toEqual({
      kind: 'integer',
      value: 7,
    });
  });

  it.each(['', 'one', '1.5', '9223372036854775808', 1.5, 2 ** 53, Number.NaN, 2n ** 63n])(
    'refuses the version %s',
    (version) => {
      expect(() => builder().withResourceVersion(version)).toThrow(
        /^resourceversion is .*; it must be a whole number of 64 bits$/,
      );
    },
  );

  it('writes a deletion time to the nanosecond, and refuses what is none', () => {
    const event = builder().withDeletionTimestamp('2025-03-14T15:09:26.535897932Z').newEvent();
    expect(event.extensions.get('deletiontimestamp')).toEqual({
      kind: 'timestamp',
      value: { seconds: 1741964966, nanos: 535897932 },
    });
    expect(() => builder().withDeletionTimestamp('yesterday')).toThrow(
      'deletiontimestamp is "yesterday"; it must be an RFC 3339 time',
    );
    expect(() => builder().withDeletionTimestamp(new Date(Number.NaN))).toThrow(/outside the range/);
  });

  it('writes JSON data as bytes, and refuses what JSON cannot hold', () => {
    const event = builder().withJsonData({ name: 'ü' }).newEvent();
    expect(event.dataContentType).toBe('application/json');
    expect(event.data).toEqual({ kind: 'binary', value: Buffer.from('{"name":"ü"}') });
    expect(() => builder().withJsonData(undefined)).toThrow('the data is undefined, which JSON cannot hold');
    expect(() => builder().withJsonData({ n: 1n })).toThrow(/^the data cannot be written as JSON: /);
  });

  it('builds events that the wire takes', () => {
    const event = builder().withResourceId('r1').withResourceVersion(3).withJsonData([]).newEvent();
    expect(decodeEvent(encodeEvent(event))).toEqual(event);
  });
});
