import { createHash } from 'node:crypto';

/** Any value that JSON can hold. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

/**
 * The hash that SDK v1.3 agents put into `statushash`: SHA-256, in lower-case hex, over the status as Go's
 * `encoding/json` writes a map, keys sorted (Go: `statushash.StatusHash`).
 */
export function statusHash(status: JsonValue): string {
  return sha256(write(status, undefined));
}

/**
 * The hash that SDK v0.15 computes of a ManifestWork's status: SHA-256 over its JSON with the fields in the order of Go's
 * structs, unknown fields left out (Go: `work.ManifestWorkStatusHash`). Mostly not what {@link statusHash} makes of the
 * same status: unequal hashes only mean that the status is to be sent again.
 */
export function manifestWorkStatusHash(status: JsonValue): string {
  return sha256(write(status, WORK_STATUS));
}

/** A Go struct: its fields in order, with the struct that each holds, or `any`. */
interface Struct {
  readonly fields: readonly (readonly [string, Struct | 'any'])[];
}

const struct = (...fields: (readonly [string, Struct | 'any'] | string)[]): Struct => ({
  fields: fields.map((field) => (typeof field === 'string' ? [field, 'any'] : field)),
});

const CONDITION = struct('type', 'status', 'observedGeneration', 'lastTransitionTime', 'reason', 'message');
const RESOURCE_META = struct('ordinal', 'group', 'version', 'kind', 'resource', 'name', 'namespace');
const FIELD_VALUE = struct('type', 'integer', 'string', 'boolean', 'jsonRaw');
const FEEDBACK = struct(['values', struct('name', ['fieldValue', FIELD_VALUE])]);
const MANIFEST = struct(
  ['resourceMeta', RESOURCE_META],
  ['statusFeedback', FEEDBACK],
  ['conditions', CONDITION],
);
const WORK_STATUS = struct(['conditions', CONDITION], ['resourceStatus', struct(['manifests', MANIFEST])]);

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** JSON as Go's `json.Marshal` writes it: no spaces, and the signs that HTML knows escaped. */
function write(value: JsonValue | undefined, order: Struct | 'any' | undefined): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'string') return writeString(value);
  if (typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map((entry) => write(entry, order)).join(',')}]`;
  const members: string[] = [];
  const add = (name: string, inner: Struct | 'any' | undefined) => {
    const member = value[name];
    if (member !== undefined) members.push(`${writeString(name)}:${write(member, inner)}`);
  };
  if (order === undefined || order === 'any') {
    const names = Object.keys(value).sort((left, right) =>
      Buffer.compare(Buffer.from(left), Buffer.from(right)),
    );
    for (const name of names) add(name, order);
  } else {
    for (const [name, inner] of order.fields) add(name, inner);
  }
  return `{${members.join(',')}}`;
}

/** Signs that Go escapes and JSON.stringify does not; a lone surrogate is U+FFFD to Go. */
function writeString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
