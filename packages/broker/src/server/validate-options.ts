import { CeBrokerError, SILENT } from 'ce-broker-proto';
import type { StaticToken } from '../access/token-table.js';
import { type H2LimitOptions, type H2Limits, resolveLimits } from '../rpc/h2/limits.js';
import type { StoreProvider } from '../state/event-store.js';
import { formatAddress, type HostPort, isLoopback, parseAddress } from './address.js';
import { dataTypeMistakes } from './data-types-option.js';
import { massDeletionOption } from './mass-deletion-option.js';
import { NUMBER_OPTIONS, type NumberOption } from './number-options.js';
import type { BrokerOptions, ResolvedOptions, TlsOptions } from './options.js';

const KNOWN: ReadonlySet<string> = new Set([
  ...[
    'listen',
    'admin',
    'store',
    'orphans',
    'massDeletion',
    'rpcEngine',
    'http2',
    'tls',
    'tokens',
    'tokenFile',
    'allowAnonymous',
    'roles',
    'dataTypes',
  ],
  ...['healthAndReflection', 'logger'],
  ...Object.keys(NUMBER_OPTIONS),
]);

const DEFAULT_ENGINE = 'h2';

/**
 * Checks the options and fills in the defaults; reads no file and opens nothing. Throws CeBrokerError `invalid_option` whose
 * `field` is the option.
 */
export function validateOptions(options: BrokerOptions = {}): ResolvedOptions {
  recordOption(options, 'options');
  if (options.roles !== undefined) recordOption(options.roles, 'roles');
  if (options.dataTypes !== undefined) recordOption(options.dataTypes, 'dataTypes');
  if (options.tls !== undefined) recordOption(options.tls, 'tls');
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name))
      throw invalid(name, `there is no option ${name}; the options are ${[...KNOWN].sort().join(', ')}`);
  }
  const listen = addressOption(options.listen ?? '127.0.0.1:8090', 'listen');
  const rpcEngine = oneOf<ResolvedOptions['rpcEngine']>(
    options.rpcEngine ?? DEFAULT_ENGINE,
    ['h2', 'grpc-js'],
    'rpcEngine',
  );
  const resolved: ResolvedOptions = {
    listen,
    admin: addressOption(options.admin ?? false, 'admin'),
    store: storeOption(options.store ?? 'memory'),
    orphans: oneOf(options.orphans ?? 'withhold', ['withhold', 'forward'], 'orphans'),
    massDeletion: massDeletionOption(options.massDeletion, options.store),
    rpcEngine,
    http2: http2Option(options.http2, rpcEngine),
    tls: tlsOption(options.tls),
    tokens: tokensOption(options.tokens ?? []),
    tokenFile: pathOption(options.tokenFile, 'tokenFile'),
    allowAnonymous: oneOf(options.allowAnonymous ?? false, [true, false], 'allowAnonymous'),
    roles: Object.freeze({
      sources: namesOption(options.roles?.sources, 'roles.sources'),
      agents: namesOption(options.roles?.agents, 'roles.agents'),
    }),
    dataTypes: dataTypesOption(options.dataTypes ?? {}),
    ...numberOptions({ ...options, history: options.history ?? (isProvider(options.store) ? 5 : 1) }),
    healthAndReflection: oneOf(options.healthAndReflection ?? true, [true, false], 'healthAndReflection'),
    logger: loggerOption(options.logger ?? SILENT),
  };
  refuseOpenDoor(resolved, listen);
  if (resolved.store === 'none' && options.history !== undefined) {
    throw invalid(
      'history',
      `history is ${shown(options.history)}, and store is "none", which keeps nothing: leave history out, or choose another store`,
    );
  }
  return Object.freeze(resolved);
}

/** Whoever can reach the port may read and write everything, so without authentication it stays on this machine. */
function refuseOpenDoor(options: ResolvedOptions, listen: HostPort | false): void {
  if (listen === false || isLoopback(listen.host) || options.allowAnonymous) return;
  if (options.tls?.clientCa !== undefined || options.tokens.length > 0 || options.tokenFile !== undefined)
    return;
  throw invalid(
    'listen',
    `listen is ${formatAddress(listen)}, which other machines can reach, and nobody would have to say who they are: ` +
      'set tls.clientCa (client certificates), tokenFile or tokens (bearer tokens), or allowAnonymous to let everybody in; ' +
      '127.0.0.1 serves this machine only',
  );
}

function storeOption(store: 'memory' | 'none' | StoreProvider): 'memory' | 'none' | StoreProvider {
  if (store === 'memory' || store === 'none' || isProvider(store)) return store;
  throw invalid(
    'store',
    `store is ${shown(store)}: it must be "memory", "none", or a provider such as lmdbStore({ dataDir }) of ce-broker/lmdb`,
  );
}

function isProvider(store: unknown): store is StoreProvider {
  return typeof store === 'object' && store !== null && 'open' in store && typeof store.open === 'function';
}

function http2Option(limits: H2LimitOptions | undefined, engine: ResolvedOptions['rpcEngine']): H2Limits {
  const resolved = resolveLimits(limits, 'http2');
  if (engine !== 'h2' && Object.values(limits ?? {}).some((value) => value !== undefined)) {
    throw invalid(
      'http2',
      `http2 sets limits of the engine "h2", and rpcEngine is ${shown(engine)}, which has its own: leave http2 out, or set rpcEngine to "h2"`,
    );
  }
  return resolved;
}

function addressOption(value: string | false, option: string): HostPort | false {
  if (value === false) return false;
  if (typeof value !== 'string') throw invalid(option, `${option} must be HOST:PORT, or false`);
  return parseAddress(value, option);
}

function oneOf<T>(value: T, allowed: readonly T[], option: string): T {
  if (allowed.includes(value)) return value;
  throw invalid(option, `${option} is ${shown(value)}: it must be ${allowed.map(shown).join(' or ')}`);
}

function tlsOption(tls: TlsOptions | undefined): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const cert = pem(tls.cert, 'tls.cert');
  const key = pem(tls.key, 'tls.key');
  const clientCa = pem(tls.clientCa, 'tls.clientCa');
  if (cert === undefined)
    throw invalid(
      'tls.cert',
      `tls.cert is missing: ${key === undefined ? 'tls' : 'a key'} needs a certificate beside it`,
    );
  if (key === undefined)
    throw invalid('tls.key', 'tls.key is missing: a certificate needs its private key beside it');
  return Object.freeze({ cert, key, clientCa });
}

function pem(value: unknown, option: string): string | Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Uint8Array || (typeof value === 'string' && value !== '')) return value;
  throw invalid(option, `${option} must be PEM text, PEM bytes, or the path of a PEM file`);
}

function recordOption(value: unknown, option: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(option, `${option} must be an object`);
}

function loggerOption(logger: NonNullable<BrokerOptions['logger']>): NonNullable<BrokerOptions['logger']> {
  recordOption(logger, 'logger');
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof logger[level] !== 'function')
      throw invalid('logger', `logger has no method ${level}: it must have debug, info, warn and error`);
  }
  return logger;
}

function tokensOption(tokens: NonNullable<BrokerOptions['tokens']>): ResolvedOptions['tokens'] {
  if (!Array.isArray(tokens)) throw invalid('tokens', 'tokens must be a list of { token, user, groups }');
  const copies = tokens.map((entry: StaticToken, index: number) => {
    recordOption(entry, `tokens[${index}]`);
    const { token, user, groups } = entry;
    if (typeof token !== 'string' || token === '')
      throw invalid('tokens', `tokens[${index}].token must be a text that is not empty`);
    if (typeof user !== 'string' || user === '')
      throw invalid('tokens', `tokens[${index}].user must be a text that is not empty`);
    return Object.freeze({ token, user, groups: namesOption(groups, `tokens[${index}].groups`) });
  });
  return Object.freeze(copies);
}

function pathOption(value: unknown, option: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(option, `${option} must be the path of a file`);
}

function namesOption(names: readonly string[] | undefined, option: string): readonly string[] {
  if (names === undefined) return Object.freeze([]);
  const good = Array.isArray(names) && names.every((name) => typeof name === 'string' && name !== '');
  if (!good) throw invalid(option, `${option} must be a list of names`);
  return Object.freeze([...names]);
}

function dataTypesOption(dataTypes: NonNullable<BrokerOptions['dataTypes']>): ResolvedOptions['dataTypes'] {
  for (const { field, message } of dataTypeMistakes(dataTypes)) throw invalid(field, message);
  return Object.freeze({ ...dataTypes });
}

function numberOptions(options: BrokerOptions): Record<NumberOption, number> {
  const result = {} as Record<NumberOption, number>;
  for (const name of Object.keys(NUMBER_OPTIONS) as NumberOption[]) {
    const { least, most, fallback } = NUMBER_OPTIONS[name];
    const value = options[name] ?? fallback;
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      const unit = name.endsWith('Ms') ? ' milliseconds' : name.endsWith('Bytes') ? ' bytes' : '';
      throw invalid(
        name,
        `${name} is ${shown(value)}: it must be a whole number from ${least} to ${most}${unit}`,
      );
    }
    result[name] = value;
  }
  return result;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function invalid(option: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_option', message, { field: option });
}
