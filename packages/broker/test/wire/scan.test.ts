import {
  CeBrokerError,
  decodeEvent,
  encodeEvent,
  encodePublishRequest,
  encodeValue,
  readResourceVersion,
  WireWriter,
} from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { appendAttribute, readStringAttribute } from '../../src/wire/attributes.js';
import { buildEvent, buildHeartbeat } from '../../src/wire/build-event.js';
import { hasDeletedCondition } from '../../src/wire/deleted-condition.js';
import { payloadOf } from '../../src/wire/payload.js';
import { Scanner } from '../../src/wire/scan.js';
import { entry, specEvent } from './messages.js';

const scanner = new Scanner();
const string = (value: string) => ({ kind: 'string', value }) as const;

function refusal(call: () => unknown): CeBrokerError {
  try {
    call();
  } catch (error) {
    if (error instanceof CeBrokerError) return error;
  }
  throw new Error('no CeBrokerError was thrown');
}

function fields(id: string, source: string, type: string): Buffer {
  const writer = new WireWriter()
    .stringField(1, id, 'x')
    .stringField(2, source, 'x')
    .stringField(3, '1.0', 'x');
  return Buffer.concat([writer.stringField(4, type, 'x').finish(), entry('ce-clustername', string('c'))]);
}

function structuredEvent(json: string): Buffer {
  const contentType = entry('contenttype', string('application/cloudevents+json; charset=utf-8'));
  return Buffer.concat([contentType, new WireWriter().bytesField(6, Buffer.from(json)).finish()]);
}

describe('an envelope', () => {
  it('has the routing attributes, and says where the payload lies', () => {
    const event = specEvent([['ce-metadata', string('{"name":"web"}')]]);
    const envelope = scanner.scanPublishRequest(encodePublishRequest(event));
    expect(envelope).toMatchObject({
      source: 'source1',
      type: {
        name: 'io.example.v1.things.spec.create_request',
        dataType: 'io.example.v1.things',
        subResource: 'spec',
        action: 'create_request',
      },
      cluster: 'cluster1',
      originalSource: '',
      resourceId: 'r1',
      version: 7n,
      versionState: 'valid',
      deleting: false,
      hasMetadata: true,
      contentType: 'application/json',
    });
    expect(Buffer.from(envelope.bytes).equals(event)).toBe(true);
    expect(Buffer.from(payloadOf(envelope) ?? []).toString()).toBe('{"a":1}');
  });

  it('shares one type object among events of one type', () => {
    expect(scanner.scanEvent(specEvent()).type).toBe(scanner.scanEvent(Buffer.from(specEvent())).type);
  });

  it('takes the last of equal keys', () => {
    expect(scanner.scanEvent(specEvent([['ce-clustername', string('cluster2')]])).cluster).toBe('cluster2');
    expect(scanner.scanEvent(specEvent([['ce-resourceversion', string('x')]]))).toMatchObject({
      version: 0n,
      versionState: 'invalid',
    });
  });

  it('reads a version over int32 from its string, exactly', () => {
    expect(scanner.scanEvent(specEvent([['ce-resourceversion', string('9007199254740993')]])).version).toBe(
      9007199254740993n,
    );
    expect(
      scanner.scanEvent(specEvent([['ce-resourceversion', string('9223372036854775808')]])).versionState,
    ).toBe('invalid');
  });

  it('reads a deletion in either form', () => {
    const timestamp = { kind: 'timestamp', value: { seconds: 1_700_000_000, nanos: 999_999_999 } } as const;
    expect(scanner.scanEvent(specEvent([['ce-deletiontimestamp', timestamp]]))).toMatchObject({
      deleting: true,
      deletedAt: 1_700_000_000_999,
    });
    expect(
      scanner.scanEvent(specEvent([['ce-deletiontimestamp', string('2025-03-14T15:09:26+02:00')]])).deletedAt,
    ).toBe(Date.parse('2025-03-14T13:09:26Z'));
  });

  it('comes from structured mode too', () => {
    const json =
      '{"specversion":"1.0","id":"i","source":"s","type":"a.b.c.status.d","resourceid":"r","resourceversion":3,"data":{"big": 12345678901234567890}}';
    const envelope = scanner.scanEvent(structuredEvent(json));
    expect(envelope).toMatchObject({
      id: 'i',
      resourceId: 'r',
      version: 3n,
      contentType: 'application/cloudevents+json',
    });
    expect(Buffer.from(payloadOf(envelope) ?? []).toString()).toBe('{"big": 12345678901234567890}');
  });
});

describe('a bad event is refused with the name of the field', () => {
  const cases: [string, Uint8Array, string, RegExp][] = [
    ['empty id', fields('', 's', 'a.b.c.spec.d'), 'id', /id is empty/],
    ['empty source', fields('i', '', 'a.b.c.spec.d'), 'source', /source is empty/],
    ['empty type', fields('i', 's', ''), 'type', /type is empty.*at least five dot-separated parts/],
    ['3-part type', fields('i', 's', 'a.spec.d'), 'type', /"a\.spec\.d" has 3 parts.*at least five/],
    ['no spec or status', fields('i', 's', 'a.b.c.x.d'), 'type', /"x"/],
    ['ce-id in the map', specEvent([['ce-id', string('x')]]), 'ce-id', /ce-id/],
    ['ce-source in the map', specEvent([['ce-Source', string('x')]]), 'ce-Source', /ce-Source/],
    ['one name in two spellings', specEvent([['ce-ClusterName', string('x')]]), 'ce-ClusterName', /twice/],
    [
      'cluster of another kind',
      specEvent([['ce-clustername', { kind: 'integer', value: 1 }]]),
      'ce-clustername',
      /ce-clustername/,
    ],
    [
      'empty deletion time',
      specEvent([['ce-deletiontimestamp', string('')]]),
      'ce-deletiontimestamp',
      /RFC 3339/,
    ],
    [
      'deletion time of another kind',
      specEvent([['ce-deletiontimestamp', { kind: 'integer', value: 1 }]]),
      'ce-deletiontimestamp',
      /kind integer/,
    ],
    ['broken JSON', structuredEvent('{'), 'binary_data', /broken JSON/],
    ['no attributes', Buffer.from('0a01691201731a03312e30', 'hex'), 'attributes', /at least one attribute/],
    [
      'text that is not UTF-8',
      Buffer.concat([specEvent(), Buffer.from('3a01ff', 'hex')]),
      'text_data',
      /UTF-8/,
    ],
    [
      'integer over int32',
      Buffer.concat([specEvent(), Buffer.from('2a0e0a0463652d61120610ffffffff0f', 'hex')]),
      'ce-a',
      /32 bits/,
    ],
  ];
  for (const [name, bytes, field, message] of cases) {
    it(name, () => {
      const error = refusal(() => scanner.scanEvent(bytes));
      expect(error).toMatchObject({ code: 'invalid_argument', field });
      expect(error.message).toMatch(message);
    });
  }

  it('no event, and two events', () => {
    const request = encodePublishRequest(specEvent());
    expect(refusal(() => scanner.scanPublishRequest(Buffer.alloc(0)))).toMatchObject({ field: 'event' });
    expect(refusal(() => scanner.scanPublishRequest(Buffer.concat([request, request])))).toMatchObject({
      field: 'event',
    });
    expect(scanner.scanPublishRequest(Buffer.concat([request, Buffer.from('1001', 'hex')])).source).toBe(
      'source1',
    );
  });
});

describe('attributes of stored events', () => {
  it('an appended attribute replaces the one before, and the rest of the bytes stays', () => {
    const event = specEvent([['ce-metadata', string('old')]]);
    const changed = appendAttribute(event, 'ce-metadata', string('{"name":"web"}'));
    expect(readStringAttribute(changed, 'metadata')).toBe('{"name":"web"}');
    expect(Buffer.from(changed).subarray(0, event.length).equals(event)).toBe(true);
    expect(readStringAttribute(event, 'absent')).toBeUndefined();
    expect(
      scanner.scanEvent(appendAttribute(event, 'ce-resourceversion', { kind: 'integer', value: -1 })).version,
    ).toBe(-1n);
  });

  it('an event in structured mode gets it too', () => {
    const event = structuredEvent(
      '{"specversion":"1.0","id":"i","source":"s","type":"a.b.c.spec.d","data":{"a": 1}}',
    );
    const changed = scanner.scanEvent(
      appendAttribute(event, 'ce-resourceversion', { kind: 'integer', value: 5 }),
    );
    expect(changed).toMatchObject({ id: 'i', version: 5n });
    expect(Buffer.from(payloadOf(changed) ?? []).toString()).toBe('{"a": 1}');
  });

  it('the broker builds events that its own scan and the decoder read', () => {
    const attributes = [
      { name: 'contenttype', ...string('application/json') },
      { name: 'ce-clustername', ...string('c1') },
      { name: 'ce-resourceversion', kind: 'integer', value: 4 } as const,
    ];
    const event = buildEvent({
      id: 'i',
      source: 's',
      type: 'a.b.c.spec.resync_request',
      attributes,
      data: Buffer.from('{}'),
    });
    expect(scanner.scanEvent(event)).toMatchObject({ id: 'i', cluster: 'c1', version: 4n });
    const decoded = decodeEvent(event);
    expect(readResourceVersion(decoded)).toBe(4n);
    expect(encodeEvent(decoded).length).toBe(event.length);
    expect(Buffer.from(buildHeartbeat('x')).toString('latin1')).toContain('cloudevents.heartbeat');
    expect(encodeValue({ kind: 'integer', value: -1 }, 'x').length).toBe(11);
  });
});

describe('the condition Deleted', () => {
  const status = (data: string) => scanner.scanEvent(specEvent([], data));
  const conditions = (...list: object[]) => status(JSON.stringify({ conditions: list }));

  it('is seen only when its status is True', () => {
    expect(
      hasDeletedCondition(
        conditions({ type: 'Applied', status: 'True' }, { type: 'Deleted', status: 'True' }),
      ),
    ).toBe(true);
    expect(hasDeletedCondition(conditions({ type: 'Deleted', status: 'False' }))).toBe(false);
    expect(
      hasDeletedCondition(
        conditions({ type: 'Deleted', status: 'False' }, { type: 'Deleted', status: 'True' }),
      ),
    ).toBe(false);
    expect(hasDeletedCondition(conditions({ type: 'Applied', status: 'True', reason: 'Deleted' }))).toBe(
      false,
    );
  });

  it('is not seen in what cannot be read', () => {
    for (const data of [
      '{"Deleted"',
      '"Deleted"',
      '{"conditions":"Deleted"}',
      '{"conditions":[null,"Deleted"]}',
      '',
    ]) {
      expect(hasDeletedCondition(status(data))).toBe(false);
    }
  });

  it('is seen in structured mode', () => {
    const json = JSON.stringify({
      specversion: '1.0',
      id: 'i',
      source: 's',
      type: 'a.b.c.status.d',
      data: { conditions: [{ type: 'Deleted', status: 'True' }] },
    });
    expect(hasDeletedCondition(scanner.scanEvent(structuredEvent(json)))).toBe(true);
  });
});
