import { suggestion } from '../nearest.js';
import type { ServeSettings } from './settings.js';
import { flagOf, type SettingKey, serveSettings, settingKeys, variableOf } from './settings.js';

/** What was typed: the texts of flags by key (true for a switch), and `config`. */
export type ServeFlags = Readonly<Partial<Record<SettingKey | 'config', string | boolean>>>;

/** Where each setting came from, for error messages: `--listen`, `CE_BROKER_LISTEN`, `listen in broker.yaml`. */
export interface ResolvedSettings {
  readonly settings: ServeSettings;
  readonly origins: ReadonlyMap<SettingKey, string>;
  /** The text of a flag or variable, with the unit that was typed. */
  readonly typed: ReadonlyMap<SettingKey, string>;
  readonly configFile: string | undefined;
}

/** The variable of a setting that has no key. */
const CONFIG_VARIABLE = 'CE_BROKER_CONFIG';
/** What Kubernetes sets for a Service that is named ce-broker. */
const OF_KUBERNETES = /^CE_BROKER_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_|$)/;

/** Variables that look like settings and are none, each with the one that was probably meant. */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = [CONFIG_VARIABLE, ...settingKeys.map(variableOf)];
  return Object.keys(environment)
    .filter((name) => name.startsWith('CE_BROKER_') && !known.includes(name) && !OF_KUBERNETES.test(name))
    .map((name) => `${name} is no setting${suggestion(name, known)}`);
}

/**
 * Flag before variable before file; what none of them names keeps the broker's default. An empty variable counts as not
 * set. Throws `invalid_option` that names the flag or variable, `invalid_config`, or `unreadable_file`.
 */
export async function resolveSettings(
  flags: ServeFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ResolvedSettings> {
  const config = flags.config ?? (environment[CONFIG_VARIABLE] || undefined);
  const configFile = typeof config === 'string' ? config : undefined;
  // YAML and zod cost a tenth of a second of start-up: only who has a file pays it.
  const fromFile: ServeSettings =
    configFile === undefined ? {} : (await import('./config-file.js')).readConfigFile(configFile);
  const settings: Partial<Record<SettingKey, unknown>> = {};
  const origins = new Map<SettingKey, string>();
  const typed = new Map<SettingKey, string>();
  for (const key of settingKeys) {
    const { read } = serveSettings[key];
    const flag = flags[key];
    const variable = environment[variableOf(key)];
    if (flag !== undefined) {
      settings[key] = read(flagOf(key), flag);
      origins.set(key, flagOf(key));
      if (typeof flag === 'string') typed.set(key, flag);
    } else if (variable !== undefined && variable !== '') {
      settings[key] = read(variableOf(key), variable);
      origins.set(key, variableOf(key));
      typed.set(key, variable);
    } else if (fromFile[key] !== undefined) {
      settings[key] = fromFile[key];
      origins.set(key, `${key} in ${configFile}`);
    }
  }
  return { settings: settings as ServeSettings, origins, typed, configFile };
}
