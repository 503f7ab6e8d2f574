import { CeBrokerError } from 'ce-broker-proto';
import { nearest } from '../transports/nearest.js';

/** Where something stands in a file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

interface Problem extends Place {
  readonly field: string;
  readonly message: string;
}

/** One value of a mapping. */
export interface ConfigValue {
  /** With the mappings around it: `keepAliveConfig.time`. */
  readonly field: string;
  readonly key: Place;
  readonly place: Place;
  /** A mapping's fields by name, a scalar's value, undefined for anything else. */
  readonly value: ReadonlyMap<string, ConfigValue> | string | number | boolean | null | undefined;
  /** A scalar as it is written. */
  readonly text: string;
}

/** What is wrong with a configuration file, gathered, so that all of it can be mended at once. */
export class ConfigProblems {
  readonly warnings: string[] = [];
  readonly #fileName: string;
  readonly #problems: Problem[] = [];
  readonly #ignored: Problem[] = [];

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  add(field: string, place: Place, message: string): void {
    this.#problems.push({ ...place, field, message });
  }

  warn(place: Place, message: string): void {
    this.warnings.push(this.#at(place, message));
  }

  /** A warning; where something is wrong, it stands beside that: it may be why. */
  ignore(field: string, place: Place, message: string): void {
    this.warn(place, message);
    this.#ignored.push({ ...place, field, message });
  }

  /** Throws `invalid_config`, a line for each problem and each ignored field, in the order of the file. */
  throwAny(): void {
    const [first] = this.#problems.sort(byPlace);
    if (first === undefined) return;
    const all = [...this.#problems, ...this.#ignored].sort(byPlace);
    const lines = all.map((problem) => this.#at(problem, problem.message));
    throw new CeBrokerError('invalid_config', lines.join('\n'), { field: first.field });
  }

  #at({ line, column }: Place, message: string): string {
    return `${this.#fileName}:${line}:${column}: ${message}`;
  }
}

function byPlace(a: Place, b: Place): number {
  return a.line - b.line || a.column - b.column;
}

/**
 * Reads YAML or JSON that holds one mapping, every value with its place. YAML 1.1, as Go's reader takes it: `yes` and `on` are true.
 * Loads the parser at the first use. Throws `invalid_config` for what is neither, or no mapping: nothing else is told of it.
 */
export async function readConfigDocument(
  text: string,
  problems: ConfigProblems,
): Promise<ReadonlyMap<string, ConfigValue>> {
  const { isAlias, isMap, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.1',
    uniqueKeys: false,
    prettyErrors: false,
  });
  const at = (offset: number | undefined): Place => {
    const { line, col } = lines.linePos(offset ?? 0);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };

  const read = (node: unknown, prefix: string): ReadonlyMap<string, ConfigValue> => {
    const values = new Map<string, ConfigValue>();
    if (!isMap(node)) return values;
    for (const { key: keyNode, value: written } of node.items) {
      if (!isScalar(keyNode)) continue;
      const name = String(keyNode.value);
      const field = prefix + name;
      const key = at(keyNode.range?.[0]);
      const node = isAlias(written) ? written.resolve(document) : written;
      const place = isScalar(written) || isMap(written) || isAlias(written) ? at(written.range?.[0]) : key;
      if (values.has(name)) problems.warn(key, `${field} is given twice: this one counts`);
      const scalar = isScalar(node) ? scalarOf(node.value) : node === null ? null : undefined;
      values.set(name, {
        field,
        key,
        place,
        value: isMap(node) ? read(node, `${field}.`) : scalar,
        text: isScalar(node) ? (node.source ?? String(node.value)) : '',
      });
    }
    return values;
  };

  for (const error of document.errors) {
    problems.add('', at(error.pos[0]), `this is neither YAML nor JSON: ${error.message}`);
  }
  if (document.errors.length === 0 && !isMap(document.contents) && document.contents !== null) {
    problems.add('', at(document.contents.range?.[0]), 'this must be a mapping of fields to values');
  }
  problems.throwAny();
  return read(document.contents, '');
}

function scalarOf(value: unknown): string | number | boolean | null | undefined {
  const kind = typeof value;
  if (value === null || kind === 'string' || kind === 'number' || kind === 'boolean') {
    return value as string | number | boolean | null;
  }
  return undefined;
}

/** Fields that nobody reads, as Go ignores them: a warning each, with the name that was probably meant. */
export function warnUnknown(
  values: ReadonlyMap<string, ConfigValue>,
  known: readonly string[],
  problems: ConfigProblems,
): void {
  for (const [name, { field, key }] of values) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    problems.ignore(
      field,
      key,
      `${field} is no field of this configuration, and ignored${meant === undefined ? '' : `: is ${meant} meant?`}`,
    );
  }
}
