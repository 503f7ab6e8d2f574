import { CeBrokerError } from 'ce-broker-proto';

/** The first line of every store file. */
export const HEADER = '{"ceBrokerStore":1}';

/** Data type, cluster and resource id. */
export type StoredKey = readonly [dataType: string, clusterName: string, uid: string];

/** One line: what a resource is now, or that it is gone (undefined). */
export interface StoredLine {
  readonly key: StoredKey;
  readonly resource: unknown;
}

/** What JSON does not hold, under names of its own, in lines that are marked as `tagged`; all other lines are plain JSON. */
const TAGS = ['$date', '$bigint', '$bytes', '$escaped'] as const;
type Tag = (typeof TAGS)[number];

/** Without its line end. Throws `invalid_argument` for a resource that cannot be written. */
export function writeLine({ key, resource }: StoredLine): string {
  const head = `{"key":${JSON.stringify(key)}`;
  if (resource === undefined) return `${head},"deleted":true}`;
  try {
    return holdsSpecial(resource)
      ? `${head},"tagged":${JSON.stringify(tagged(resource))}}`
      : `${head},"resource":${JSON.stringify(resource)}}`;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError(
      'invalid_argument',
      `the resource ${key[2]} cannot be written to a file: ${why}`,
      {
        field: 'file',
        cause,
      },
    );
  }
}

/** Throws an Error that says what is wrong with the line. */
export function readLine(text: string): StoredLine {
  const line: unknown = JSON.parse(text);
  if (!isObject(line)) throw new Error('it is no object');
  const { key, resource, tagged: marked, deleted } = line;
  if (!isKey(key)) throw new Error('its "key" is not [data type, cluster, id]');
  if (deleted === true) return { key, resource: undefined };
  const value = marked === undefined ? resource : untagged(marked);
  if (!isObject(value) || value['uid'] !== key[2])
    throw new Error(`it holds no resource with the id ${key[2]}`);
  return { key, resource: value };
}

function holdsSpecial(value: unknown): boolean {
  if (typeof value === 'bigint') return true;
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof Date || value instanceof Uint8Array) return true;
  if (Array.isArray(value)) return value.some(holdsSpecial);
  for (const name in value) {
    if (holdsSpecial((value as Record<string, unknown>)[name])) return true;
  }
  return false;
}

function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(tagged);
  if ('toJSON' in value && typeof value.toJSON === 'function') return tagged(value.toJSON());
  const members = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, tagged(member)]));
  return tagOf(value) === undefined ? members : { $escaped: members };
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  const tag = tagOf(value);
  const content = tag === undefined ? undefined : (value as Record<string, unknown>)[tag];
  switch (tag) {
    case '$date':
      return new Date(typeof content === 'string' ? content : Number.NaN);
    case '$bigint':
      return BigInt(String(content));
    case '$bytes':
      return new Uint8Array(Buffer.from(String(content), 'base64'));
    case '$escaped':
      return isObject(content) ? membersOf(content) : content;
    default:
      return membersOf(value);
  }
}

function membersOf(value: object): unknown {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, untagged(member)]));
}

function tagOf(value: object): Tag | undefined {
  const names = Object.keys(value);
  return names.length === 1 ? TAGS.find((tag) => tag === names[0]) : undefined;
}

function isKey(value: unknown): value is StoredKey {
  return Array.isArray(value) && value.length === 3 && value.every((part) => typeof part === 'string');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
