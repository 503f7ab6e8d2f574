/** One place at which two JSON values differ. */
export interface JsonChange {
  /** `spec.replicas`, `containers[0].image`; `""` is the whole value. */
  readonly path: string;
  /** As compact JSON, cut at 120 characters; null: it was not there. */
  readonly from: string | null;
  readonly to: string | null;
}

export interface JsonDiff {
  readonly changed: readonly JsonChange[];
  /** How many more places differ at least. */
  readonly more: number;
}

const MOST_CHANGES = 20;
const LONGEST_VALUE = 120;
/** Deeper than this, values are compared as a whole. */
const DEEPEST = 64;

/** Where two JSON values differ: the first 20 places, and how many more there are. */
export function diffJson(from: unknown, to: unknown): JsonDiff {
  const changed: JsonChange[] = [];
  let more = 0;
  for (const change of changes('', from, to, 0)) {
    if (changed.length < MOST_CHANGES) changed.push(change);
    else more += 1;
  }
  return { changed, more };
}

function* changes(path: string, from: unknown, to: unknown, depth: number): Iterable<JsonChange> {
  if (Object.is(from, to)) return;
  if (depth < DEEPEST && Array.isArray(from) && Array.isArray(to)) {
    yield* inArrays(path, from, to, depth);
  } else if (depth < DEEPEST && isObject(from) && isObject(to)) {
    for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
      yield* changes(member(path, name), from[name], to[name], depth + 1);
    }
  } else if (!isEqual(from, to)) {
    yield { path, from: compact(from), to: compact(to) };
  }
}

/** What is the same at both ends is left out, so that one that was put in or taken out is one change. */
function* inArrays(
  path: string,
  from: readonly unknown[],
  to: readonly unknown[],
  depth: number,
): Iterable<JsonChange> {
  const shorter = Math.min(from.length, to.length);
  let head = 0;
  while (head < shorter && isEqual(from[head], to[head])) head += 1;
  let tail = 0;
  while (tail < shorter - head && isEqual(from.at(-1 - tail), to.at(-1 - tail))) tail += 1;
  const end = Math.max(from.length, to.length) - tail;
  for (let index = head; index < end; index += 1) {
    const before = index < from.length - tail ? from[index] : undefined;
    const after = index < to.length - tail ? to[index] : undefined;
    yield* changes(`${path}[${index}]`, before, after, depth + 1);
  }
}

function isEqual(one: unknown, other: unknown): boolean {
  return Object.is(one, other) || JSON.stringify(one) === JSON.stringify(other);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function member(path: string, name: string): string {
  if (!/^[\w$-]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

function compact(value: unknown): string | null {
  const text = JSON.stringify(value);
  if (text === undefined) return null;
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE - 1)}…`;
}
