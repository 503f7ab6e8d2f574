import type { ServeSettings } from './settings.js';
import { flagOf, type SettingKey, serveSettings, settingKeys, variableOf } from './settings.js';

/** What was typed: the texts of flags by key (true for a switch), and `config`. */
export type ServeFlags = Readonly<Partial<Record<SettingKey | 'config', string | boolean>>>;

/** Where each setting came from, for error messages: `--listen`, `CE_BROKER_LISTEN`, `listen in broker.yaml`. */
export interface ResolvedSettings {
  readonly settings: ServeSettings;
  readonly origins: ReadonlyMap<SettingKey, string>;
  readonly configFile: string | undefined;
}

/**
 * Flag before variable before file; what none of them names keeps the broker's default. An empty variable counts as not
 * set. Throws `invalid_option` that names the flag or variable, `invalid_config`, or `unreadable_file`.
 */
export async function resolveSettings(
  flags: ServeFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ResolvedSettings> {
  const config = flags.config ?? (environment['CE_BROKER_CONFIG'] || undefined);
  const configFile = typeof config === 'string' ? config : undefined;
  // YAML and zod cost a tenth of a second of start-up: only who has a file pays it.
  const fromFile: ServeSettings =
    configFile === undefined ? {} : (await import('./config-file.js')).readConfigFile(configFile);
  const settings: Partial<Record<SettingKey, unknown>> = {};
  const origins = new Map<SettingKey, string>();
  for (const key of settingKeys) {
    const { read } = serveSettings[key];
    const flag = flags[key];
    const variable = environment[variableOf(key)];
    if (flag !== undefined) {
      settings[key] = read(flagOf(key), flag);
      origins.set(key, flagOf(key));
    } else if (variable !== undefined && variable !== '') {
      settings[key] = read(variableOf(key), variable);
      origins.set(key, variableOf(key));
    } else if (fromFile[key] !== undefined) {
      settings[key] = fromFile[key];
      origins.set(key, `${key} in ${configFile}`);
    }
  }
  return { settings: settings as ServeSettings, origins, configFile };
}
