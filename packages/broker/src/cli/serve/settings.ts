import type { BrokerOptions } from '../../server/index.js';
import {
  readAddress,
  readBoolean,
  readBytes,
  readChoice,
  readCount,
  readDuration,
  readText,
} from '../values.js';
import { readDataTypes } from './data-types.js';
import { readHttp2 } from './http2.js';
import { readMassDeletion } from './mass-deletion.js';

/** One setting of `serve`: a flag, a variable and a key of the configuration file, all named after it. */
export interface Setting<T> {
  /** What stands behind the flag in the help; undefined for a switch. */
  readonly placeholder: string | undefined;
  readonly description: string;
  /** The default, as the help shows it; undefined when there is none. */
  readonly fallback: string | undefined;
  /** The value names a file: a relative path in the configuration file starts at that file's folder. */
  readonly file?: true;
  /** Turns the text of a flag or variable, or the value of a key, into the setting. Throws `invalid_option`. */
  readonly read: (name: string, value: unknown) => T;
}

const file = (placeholder: string, description: string): Setting<string> => ({
  placeholder,
  description,
  fallback: undefined,
  file: true,
  read: readText,
});

const addressOrNone = (name: string, value: unknown): string | false =>
  value === 'none' || value === false ? false : readAddress(name, value);

export const LOG_LEVELS = Object.freeze(['debug', 'info', 'warn', 'error', 'silent'] as const);

/** Every setting by its key in the configuration file, in the order of the help. */
export const serveSettings = Object.freeze({
  listen: {
    placeholder: 'HOST:PORT',
    description: 'where gRPC is served; port 0: any free one',
    fallback: '127.0.0.1:8090',
    read: readAddress,
  } as Setting<string>,
  admin: {
    placeholder: 'HOST:PORT',
    description: 'where metrics, health and state are served over HTTP; none: nowhere',
    fallback: '127.0.0.1:8080',
    read: addressOrNone,
  } as Setting<string | false>,
  store: {
    placeholder: 'KIND',
    description:
      'lmdb keeps every acknowledged event on disk, memory only until the process ends, none only relays',
    fallback: 'lmdb',
    read: (name, value) => readChoice(name, value, ['lmdb', 'memory', 'none']),
  } as Setting<'lmdb' | 'memory' | 'none'>,
  dataDir: {
    ...file('DIR', 'the folder of the store; one broker has it at a time'),
    fallback: './ce-broker-data',
  },
  history: {
    placeholder: 'COUNT',
    description: 'specs, and statuses, that are kept of each resource: the newest and those before it',
    fallback: '5, with --store memory 1',
    read: (name, value) => readCount(name, String(value), 1, 100),
  } as Setting<number>,
  dataTypes: {
    placeholder: 'JSON',
    description:
      'policies by data type: {"TYPE": {"keep": "durable|latest|none", "secret": true, "writer": "source|agent|ambiguous", "deletion": "deleted-condition|absence"}}',
    fallback: 'those of Open Cluster Management are built in',
    read: readDataTypes,
  } as Setting<NonNullable<BrokerOptions['dataTypes']>>,
  orphans: {
    placeholder: 'POLICY',
    description:
      'listed resources that no source owns: withhold them, or forward them to every source, which then deletes what it does not know',
    fallback: 'withhold',
    read: (name, value) => readChoice(name, value, ['withhold', 'forward']),
  } as Setting<'withhold' | 'forward'>,
  massDeletion: {
    placeholder: 'LIMIT',
    description:
      'when more than a share of the resources of one type on a cluster is deleted within a time, further deletions there wait for "ce-broker release --deletions"; share=20%,within=10m,least=10',
    fallback: 'none',
    read: readMassDeletion,
  } as Setting<NonNullable<BrokerOptions['massDeletion']>>,
  rpcEngine: {
    placeholder: 'ENGINE',
    description:
      "what carries gRPC: h2 is the broker's own HTTP/2, grpc-js the library of that name, which costs several times as much per event",
    fallback: 'h2',
    read: (name, value) => readChoice(name, value, ['h2', 'grpc-js']),
  } as Setting<'h2' | 'grpc-js'>,
  http2: {
    placeholder: 'LIMITS',
    description:
      'what one client may cost the others with --rpc-engine h2, for example maxConnectionAge=1h,pingsPerSecond=50',
    fallback: 'limits that honest clients do not meet',
    read: readHttp2,
  } as Setting<NonNullable<BrokerOptions['http2']>>,
  tlsCert: file('FILE', 'PEM of the server certificate; with it only TLS 1.3 is spoken'),
  tlsKey: file('FILE', 'PEM of its private key'),
  clientCa: file('FILE', 'PEM of the CA that signs client certificates (mTLS)'),
  tokenFile: file('FILE', 'bearer tokens, one `token,user,uid,"group1,group2"` a line'),
  allowAnonymous: {
    placeholder: undefined,
    description: 'let in everybody who can reach --listen, from other machines too',
    fallback: undefined,
    read: readBoolean,
  } as Setting<boolean>,
  maxMessageBytes: {
    placeholder: 'BYTES',
    description: 'the largest message that is taken; Go clients take 4MiB',
    fallback: '4MiB',
    read: readBytes,
  } as Setting<number>,
  heartbeatInterval: {
    placeholder: 'DURATION',
    description: 'distance between the heartbeats of a subscription',
    fallback: '10s',
    read: readDuration,
  } as Setting<number>,
  drainTimeout: {
    placeholder: 'DURATION',
    description: 'a subscriber that takes nothing for so long although events wait is ended',
    fallback: '10s',
    read: readDuration,
  } as Setting<number>,
  logLevel: {
    placeholder: 'LEVEL',
    description: LOG_LEVELS.join(', '),
    fallback: 'info',
    read: (name, value) => readChoice(name, value, LOG_LEVELS),
  } as Setting<(typeof LOG_LEVELS)[number]>,
  logFormat: {
    placeholder: 'FORMAT',
    description: 'pretty or json, on stderr',
    fallback: 'pretty on a terminal, else json',
    read: (name, value) => readChoice(name, value, ['pretty', 'json']),
  } as Setting<'pretty' | 'json'>,
});

export type SettingKey = keyof typeof serveSettings;
type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** What flags, variables and file say; a key that none of them names is absent. */
export type ServeSettings = { readonly [K in SettingKey]?: ValueOf<(typeof serveSettings)[K]> };

export const settingKeys = Object.freeze(Object.keys(serveSettings)) as readonly SettingKey[];

/** `dataDir` -> `--data-dir`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `dataDir` -> `CE_BROKER_DATA_DIR`. */
export function variableOf(key: string): string {
  return `CE_BROKER_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
