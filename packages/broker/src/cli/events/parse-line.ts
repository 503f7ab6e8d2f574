import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  CeBrokerError,
  createEvent,
  type Event,
  Extension,
  parseInt64,
  parseRfc3339,
  splitEventType,
  type Timestamp,
  timestampFromMillis,
  topLevelMembers,
} from 'ce-broker-proto';
import { suggestion } from '../nearest.js';
import { readData } from './data.js';
import { LINE_KEYS, versionValue } from './line.js';
import { valueFromJson } from './values.js';

/** What the flags say for lines that do not. */
export interface LineDefaults {
  readonly source?: string | undefined;
  readonly cluster?: string | undefined;
  /** The data type; a line may have it in place of the whole event type too. */
  readonly type?: string | undefined;
  readonly subResource: 'spec' | 'status';
  readonly action?: string | undefined;
  readonly originalSource?: string | undefined;
}

const KNOWN: ReadonlySet<string> = new Set(LINE_KEYS);

/** The event of a line that `sub` printed, or that somebody wrote with its keys. Throws `invalid_argument` naming the key. */
export function eventFromLine(line: string, defaults: LineDefaults): Event {
  const members = topLevelMembers(line, 'event');
  for (const key of members.keys()) {
    if (!KNOWN.has(key)) throw wrong(key, `unknown key ${JSON.stringify(key)}${suggestion(key, LINE_KEYS)}`);
  }
  const read = (key: string): unknown => JSON.parse(members.get(key) ?? 'null');
  const type = eventType(read('type') ?? undefined, read('action') ?? undefined, defaults);
  const attributes = new Map<string, AttributeValue>();
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined) attributes.set(name, { kind: 'string', value });
  };
  put(Extension.clusterName, text('cluster', read('cluster')) ?? defaults.cluster);
  put(Extension.resourceId, text('resourceId', read('resourceId')));
  put(Extension.originalSource, defaults.originalSource);
  const version = versionFrom(members.get('resourceVersion'));
  if (version !== undefined) attributes.set(Extension.resourceVersion, versionValue(type.dataType, version));
  const deletion = time('deletionTimestamp', read('deletionTimestamp'));
  if (deletion !== undefined)
    attributes.set(Extension.deletionTimestamp, { kind: 'timestamp', value: deletion });

  const others = extensionsOf(read('extensions'));
  const standard = takeStandard(others);
  for (const [name, value] of Object.entries(others)) attributes.set(name, valueFromJson(name, value));
  const { data, contentType } = readData(members.get('data'), standard.contentType);
  return createEvent({
    id: text('id', read('id')) ?? randomUUID(),
    source: text('source', read('source')) ?? defaults.source ?? missing('source', '--source'),
    type: type.whole,
    specVersion: standard.specVersion,
    // A line that says nothing of the time is about now; null says that the event has none.
    time: members.has('time') ? time('time', read('time')) : timestampFromMillis(Date.now()),
    subject: standard.subject,
    dataSchema: standard.dataSchema,
    dataContentType: contentType,
    data,
    extensions: attributes,
  });
}

/** The whole type, or a data type with the action beside it. */
function eventType(
  given: unknown,
  action: unknown,
  defaults: LineDefaults,
): { whole: string; dataType: string } {
  const type = text('type', given) ?? defaults.type ?? missing('type', '--type');
  const last = text('action', action);
  const before = type.split('.').at(-2);
  if (before === 'spec' || before === 'status') {
    const parts = splitEventType(type);
    if (last !== undefined && last !== parts.action) {
      throw wrong(
        'action',
        `action is ${JSON.stringify(last)}, but type ends in ${JSON.stringify(parts.action)}`,
      );
    }
    return { whole: type, dataType: parts.dataType };
  }
  const chosen = last ?? defaults.action ?? missing('action', '--action');
  const whole = `${type}.${defaults.subResource}.${chosen}`;
  return { whole, dataType: splitEventType(whole).dataType };
}

interface StandardAttributes {
  readonly specVersion: '1.0' | '0.3';
  readonly contentType: string | null | undefined;
  readonly subject: string | undefined;
  readonly dataSchema: string | undefined;
}

/** Takes out what stands among the extensions of a line for want of a key of its own. */
function takeStandard(others: Record<string, unknown>): StandardAttributes {
  const { specversion = '1.0', datacontenttype, subject, dataschema } = others;
  for (const name of ['specversion', 'datacontenttype', 'subject', 'dataschema']) delete others[name];
  if (specversion !== '1.0' && specversion !== '0.3') {
    throw wrong('extensions', 'extensions.specversion must be "1.0" or "0.3"');
  }
  return {
    specVersion: specversion,
    contentType:
      datacontenttype === undefined
        ? undefined
        : (text('extensions.datacontenttype', datacontenttype) ?? null),
    subject: text('extensions.subject', subject),
    dataSchema: text('extensions.dataschema', dataschema),
  };
}

function extensionsOf(value: unknown): Record<string, unknown> {
  if (value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return { ...value };
  throw wrong('extensions', 'extensions must be an object');
}

/** From the digits as they are written, so that none is lost. */
function versionFrom(json: string | undefined): bigint | undefined {
  if (json === undefined || json === 'null') return undefined;
  const version = parseInt64(json.startsWith('"') ? String(JSON.parse(json)) : json);
  if (version !== undefined) return version;
  throw wrong('resourceVersion', `resourceVersion is ${json}: it must be a whole number of 64 bits`);
}

function text(key: string, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return value;
  throw wrong(key, `${key} is ${JSON.stringify(value)}: it must be text or null`);
}

function time(key: string, value: unknown): Timestamp | undefined {
  const given = text(key, value);
  if (given === undefined) return undefined;
  const parsed = parseRfc3339(given);
  if (parsed !== undefined) return parsed;
  throw wrong(
    key,
    `${key} is ${JSON.stringify(given)}: it must be an RFC 3339 time such as 2025-03-14T15:09:26Z`,
  );
}

function missing(key: string, flag: string): never {
  throw wrong(key, `${key} is missing: give it in the line, or ${flag} for all lines`);
}

function wrong(key: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', message, { field: key });
}
