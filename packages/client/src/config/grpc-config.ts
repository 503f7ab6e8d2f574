import { readFile } from 'node:fs/promises';
import { CeBrokerError } from 'ce-broker-proto';
import type { GrpcOptions, KeepAliveConfig } from '../transports/grpc/grpc-options.js';
import { optionProblems } from '../transports/grpc/option-problems.js';
import { parseTarget } from '../transports/grpc/target.js';
import { ConfigProblems, type ConfigValue, readConfigDocument, warnUnknown } from './config-document.js';
import { CONFIG_TYPE_KAFKA, CONFIG_TYPE_MQTT } from './config-type.js';
import { parseGoDuration } from './go-duration.js';

/** What a configuration file for gRPC says (Go: `grpc.GRPCConfig`, of v0.15 and v1.3). */
export interface GrpcConfig extends GrpcOptions {
  readonly type: 'grpc';
}

/** A configuration that was read. */
export interface LoadedConfig {
  /** The address of the server. */
  readonly server: string;
  readonly config: GrpcConfig;
  /** What is ignored, or not as it seems, each with file, line and column. */
  readonly warnings: readonly string[];
}

const FIELDS = [
  'url',
  'caFile',
  'caData',
  'clientCertFile',
  'clientCertData',
  'clientKeyFile',
  'clientKeyData',
  'tokenFile',
  'token',
  'keepAliveConfig',
  'serverHealthinessTimeout',
] as const;
const KEEP_ALIVE_FIELDS = ['enable', 'time', 'timeout', 'permitWithoutStream'] as const;
/** What only the files of other kinds have. */
const OTHER_KINDS = Object.freeze({ brokerHost: CONFIG_TYPE_MQTT, bootstrapServer: CONFIG_TYPE_KAFKA });
const LEAST_PING_MS = 10_000;
/** Given, though wrong: nothing else is said to miss it. */
const WRONG_DATA = Buffer.alloc(0);
const WRONG_TEXT = '\0';

/**
 * Reads a configuration file for gRPC, YAML or JSON (Go: `grpc.BuildGRPCOptionsFromFlags`, `grpc.LoadConfig`). Paths in it are relative
 * to the working directory, as in Go. Rejects with `unreadable_file`, or with `invalid_config` that names every wrong field with its
 * line and column, and beside them the unknown ones. The files that it names are read later, when a client is made.
 */
export async function loadGrpcConfig(path: string): Promise<LoadedConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('unreadable_file', `cannot read the configuration file ${path}: ${reason}`, {
      field: 'path',
      cause,
    });
  }
  return parseGrpcConfig(text, path);
}

/**
 * As {@link loadGrpcConfig}, for a text; `fileName` names it in messages.
 *
 * Durations are Go's (`20s`, `1m30s`), data is base64 of PEM. Unlike in Go, a CA without a client certificate means TLS, not plain text;
 * pings are on unless `enable` is false; and a file and its data together are an error. Unknown fields are ignored with a warning.
 */
export async function parseGrpcConfig(text: string, fileName: string): Promise<LoadedConfig> {
  const problems = new ConfigProblems(fileName);
  const values = await readConfigDocument(text, problems);
  refuseOtherKinds(values, problems);
  warnUnknown(values, FIELDS, problems);
  const fields = new FieldReader(problems);
  const keepAlive = values.get('keepAliveConfig');
  const config: GrpcConfig = {
    type: 'grpc',
    url: fields.strictText(values.get('url')) ?? '',
    caFile: fields.strictText(values.get('caFile')),
    caData: fields.base64(values.get('caData')),
    clientCertFile: fields.strictText(values.get('clientCertFile')),
    clientCertData: fields.base64(values.get('clientCertData')),
    clientKeyFile: fields.strictText(values.get('clientKeyFile')),
    clientKeyData: fields.base64(values.get('clientKeyData')),
    tokenFile: fields.strictText(values.get('tokenFile')),
    token: fields.text(values.get('token')),
    keepAliveConfig: keepAlive === undefined ? undefined : readKeepAlive(keepAlive, fields, problems),
    serverHealthinessTimeoutMs: fields.duration(values.get('serverHealthinessTimeout')),
  };
  const start = { line: 1, column: 1 };
  for (const { field, message } of optionProblems(config)) {
    problems.add(field, values.get(field)?.key ?? start, message);
  }
  checkUrl(config.url, values.get('url'), problems);
  problems.throwAny();
  return Object.freeze({
    server: config.url,
    config: Object.freeze(config),
    warnings: Object.freeze(problems.warnings),
  });
}

/** A file for MQTT or Kafka lacks a `url` because it is none for gRPC: nothing else is told of it. Throws `invalid_config`. */
function refuseOtherKinds(values: ReadonlyMap<string, ConfigValue>, problems: ConfigProblems): void {
  if (values.has('url')) return;
  for (const [name, kind] of Object.entries(OTHER_KINDS)) {
    const given = values.get(name);
    if (given === undefined) continue;
    const what = `${name} is of a configuration of type ${kind}, which is not in this version of ce-broker-client`;
    problems.add(name, given.key, `${what}: use one of type grpc, with url`);
  }
  problems.throwAny();
}

function checkUrl(url: string, value: ConfigValue | undefined, problems: ConfigProblems): void {
  if (url === WRONG_TEXT) return;
  if (url === '') {
    const place = value?.key ?? { line: 1, column: 1 };
    problems.add('url', place, "url is required: HOST:PORT of the server's gRPC port");
    return;
  }
  try {
    parseTarget(url, 'url');
  } catch (thrown) {
    problems.add('url', value?.place ?? { line: 1, column: 1 }, CeBrokerError.from(thrown).message);
  }
}

function readKeepAlive(
  given: ConfigValue,
  fields: FieldReader,
  problems: ConfigProblems,
): KeepAliveConfig | undefined {
  if (given.value === null) return undefined;
  if (typeof given.value !== 'object') {
    problems.add(
      given.field,
      given.place,
      `${given.field} must be a mapping of ${KEEP_ALIVE_FIELDS.join(', ')}`,
    );
    return undefined;
  }
  const values = given.value;
  warnUnknown(values, KEEP_ALIVE_FIELDS, problems);
  const time = values.get('time');
  const timeMs = fields.duration(time);
  if (time !== undefined && timeMs !== undefined && timeMs < LEAST_PING_MS) {
    problems.warn(time.place, `${time.field}: ${time.text} is raised to 10s, the least`);
  }
  return {
    enable: fields.boolean(values.get('enable')),
    timeMs,
    timeoutMs: fields.duration(values.get('timeout')),
    permitWithoutStream: fields.boolean(values.get('permitWithoutStream')),
  };
}

/** Takes the values of one file as what they must be. What is absent, null or empty is undefined. */
class FieldReader {
  readonly #problems: ConfigProblems;

  constructor(problems: ConfigProblems) {
    this.#problems = problems;
  }

  /** Paths and addresses: a number is none. But `y` and `no`, which YAML 1.1 takes for booleans, may name a file. */
  strictText(given: ConfigValue | undefined): string | undefined {
    if (given === undefined || !isNoText(given)) return this.text(given);
    this.#wrong(given, 'must be text');
    return WRONG_TEXT;
  }

  text(given: ConfigValue | undefined): string | undefined {
    if (given === undefined || given.value === null || given.value === '') return undefined;
    if (typeof given.value === 'string') return given.value;
    // As Go: a number or a boolean where text is wanted counts as it is written.
    if (typeof given.value === 'number' || typeof given.value === 'boolean') return given.text;
    return this.#wrong(given, 'must be text');
  }

  base64(given: ConfigValue | undefined): Buffer | undefined {
    const text = this.text(given)?.replace(/[\r\n]/g, '');
    if (given === undefined || text === undefined) return undefined;
    const hint = text.includes('-----BEGIN') ? ', not the PEM itself' : '';
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) {
      this.#wrong(given, `must be base64 of PEM${hint}`);
      return WRONG_DATA;
    }
    const decoded = Buffer.from(text, 'base64');
    if (!decoded.includes('-----BEGIN ')) this.#wrong(given, 'is base64, but not of PEM');
    return decoded;
  }

  boolean(given: ConfigValue | undefined): boolean | undefined {
    if (given === undefined || given.value === null) return undefined;
    return typeof given.value === 'boolean' ? given.value : this.#wrong(given, 'must be true or false');
  }

  duration(given: ConfigValue | undefined): number | undefined {
    if (given === undefined || given.value === null) return undefined;
    // Go takes a bare number as nanoseconds.
    const ms =
      typeof given.value === 'number'
        ? given.value / 1e6
        : typeof given.value === 'string'
          ? parseGoDuration(given.value)
          : undefined;
    if (ms !== undefined && ms >= 1) return ms;
    const bare = typeof given.value === 'number' ? ` (${given.text} alone would be nanoseconds)` : '';
    return this.#wrong(given, `must be a duration of at least 1ms, such as 20s or 1m30s${bare}`);
  }

  #wrong(given: ConfigValue, message: string): undefined {
    const text = clip(given.text);
    const shown = text === '' ? '' : `, not ${typeof given.value === 'string' ? JSON.stringify(text) : text}`;
    this.#problems.add(given.field, given.place, `${given.field} ${message}${shown}`);
    return undefined;
  }
}

function isNoText({ value, text }: ConfigValue): boolean {
  if (typeof value === 'boolean') return /^(true|false)$/i.test(text);
  return value !== null && typeof value !== 'string';
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
