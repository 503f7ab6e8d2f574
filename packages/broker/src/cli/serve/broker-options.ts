import { CeBrokerError, type Logger } from 'ce-broker-proto';
import type { BrokerOptions } from '../../server/index.js';
import { showBytes, showDuration } from '../values.js';
import type { ResolvedSettings } from './resolve-settings.js';
import { flagOf, type ServeSettings, type SettingKey, settingKeys } from './settings.js';

const DEFAULT_DATA_DIR = './ce-broker-data';

/** The broker's options under the names that the command line gives them. Throws `invalid_option` where two do not fit together. */
export async function brokerOptions(
  { settings, origins }: ResolvedSettings,
  logger: Logger,
): Promise<BrokerOptions> {
  const { tlsCert, tlsKey, clientCa } = settings;
  const whence = (key: SettingKey) => origins.get(key) ?? flagOf(key);
  const missing = (key: SettingKey, because: SettingKey, what: string) =>
    new CeBrokerError(
      'invalid_option',
      `${flagOf(key)} is missing: ${whence(because)} needs ${what} beside it`,
      {
        field: key,
      },
    );
  if (tlsCert === undefined && tlsKey !== undefined) throw missing('tlsCert', 'tlsKey', 'a certificate');
  if (tlsCert !== undefined && tlsKey === undefined) throw missing('tlsKey', 'tlsCert', 'its private key');
  if (tlsCert === undefined && clientCa !== undefined) {
    throw missing('tlsCert', 'clientCa', 'a server certificate and its key (--tls-cert, --tls-key)');
  }
  const store = await storeOf(settings, whence);
  return {
    listen: settings.listen,
    admin: settings.admin ?? '127.0.0.1:8080',
    store,
    history: settings.history,
    dataTypes: settings.dataTypes,
    orphans: settings.orphans,
    massDeletion: settings.massDeletion,
    rpcEngine: settings.rpcEngine,
    http2: settings.http2,
    tls: tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey, clientCa },
    tokenFile: settings.tokenFile,
    allowAnonymous: settings.allowAnonymous,
    maxMessageBytes: settings.maxMessageBytes,
    heartbeatIntervalMs: settings.heartbeatInterval,
    drainTimeoutMs: settings.drainTimeout,
    logger,
  };
}

/** LMDB is loaded only where it is used. */
async function storeOf(
  { dataDir, store = 'lmdb' }: ServeSettings,
  whence: (key: SettingKey) => string,
): Promise<BrokerOptions['store']> {
  if (store === 'lmdb') {
    const { lmdbStore } = await import('../../store/index.js');
    return lmdbStore({ dataDir: dataDir ?? DEFAULT_DATA_DIR });
  }
  if (dataDir !== undefined) {
    throw new CeBrokerError(
      'invalid_option',
      `${whence('dataDir')} names a folder, and ${whence('store')} is ${store}, which keeps nothing in one: leave one of them out`,
      { field: 'dataDir' },
    );
  }
  return store;
}

/** The options of the broker whose name on the command line is another. */
const KEY_OF_OPTION: Readonly<Record<string, SettingKey>> = Object.freeze({
  'tls.cert': 'tlsCert',
  'tls.key': 'tlsKey',
  'tls.clientCa': 'clientCa',
  heartbeatIntervalMs: 'heartbeatInterval',
  drainTimeoutMs: 'drainTimeout',
  'massDeletion.share': 'massDeletion',
  'massDeletion.withinMs': 'massDeletion',
  'massDeletion.least': 'massDeletion',
});

/** What the broker says of a number, in its own units. */
const OUT_OF_BOUNDS = /^\w+ is (\d+): it must be a whole number from (\d+) to (\d+) (milliseconds|bytes)/;

/** An error of the broker that names an option, with the name that the user knows it by. */
export function inUsersWords(error: CeBrokerError, resolved: ResolvedSettings): CeBrokerError {
  const { settings, origins, typed } = resolved;
  const { field } = error;
  if (field === undefined) return error;
  const key = KEY_OF_OPTION[field] ?? (field as SettingKey);
  const origin = origins.get(key);
  if (key === 'listen' && isOpenDoor(error, settings)) {
    return new CeBrokerError(
      'invalid_option',
      `${origin ?? '--listen'} is ${settings.listen}, which other machines can reach, and nobody would have to say who they are: ` +
        'set --client-ca (client certificates) or --token-file (bearer tokens), or --allow-anonymous to let everybody in; ' +
        '127.0.0.1 serves this machine only',
      { field: key, cause: error },
    );
  }
  if (!settingKeys.includes(key)) return error;
  const name = origin ?? flagOf(key);
  const outOfBounds = OUT_OF_BOUNDS.exec(error.message);
  if (outOfBounds !== null) {
    const [, value, least, most, unit] = outOfBounds;
    const shown = (number: string | undefined) =>
      unit === 'bytes' ? showBytes(Number(number)) : showDuration(Number(number));
    return new CeBrokerError(
      error.code,
      `${name} is ${typed.get(key) ?? shown(value)}: it must be from ${shown(least)} to ${shown(most)}`,
      { field: key, cause: error },
    );
  }
  const rest = new RegExp(`^${field.replaceAll('.', '\\.')}(?=[ :])`);
  if (rest.test(error.message)) {
    return new CeBrokerError(
      error.code,
      error.message.replace(rest, () => name),
      {
        field: key,
        cause: error,
      },
    );
  }
  if (error.message.includes(name)) return error;
  const whence = origin === undefined ? `${name} chooses another` : `set by ${name}`;
  return new CeBrokerError(error.code, `${error.message} (${whence})`, { field: key, cause: error });
}

function isOpenDoor(error: CeBrokerError, settings: ServeSettings): boolean {
  return settings.allowAnonymous !== true && error.message.includes('allowAnonymous');
}
