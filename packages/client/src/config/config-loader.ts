import { CeBrokerError } from 'ce-broker-proto';
import { CONFIG_TYPE_GRPC, CONFIG_TYPE_KAFKA, CONFIG_TYPE_MQTT } from './config-type.js';
import { type LoadedConfig, loadGrpcConfig } from './grpc-config.js';

/** Reads a configuration file of a kind that is given beside it, as a flag mostly (Go: `generic.ConfigLoader`, `NewConfigLoader`). */
export class ConfigLoader {
  readonly #type: string;
  readonly #path: string;

  /**
   * @param type `'grpc'`
   * @param path the YAML or JSON file
   */
  constructor(type: string, path: string) {
    this.#type = type;
    this.#path = path;
  }

  /**
   * The address of the server, and what {@link buildCloudEventsSourceOptions} and {@link buildCloudEventsAgentOptions} take (Go:
   * `LoadConfig`). Rejects with `unreadable_file` or `invalid_config`, `unimplemented` for a kind that comes later, and
   * `invalid_option` for one that there is not.
   */
  async loadConfig(): Promise<LoadedConfig> {
    if (this.#type === CONFIG_TYPE_GRPC) return loadGrpcConfig(this.#path);
    throw laterType(this.#type) ?? unknownType('unsupported config type', this.#type);
  }
}

/** For the kinds that Go has, and this version has not. */
export function laterType(type: string): CeBrokerError | undefined {
  if (type !== CONFIG_TYPE_MQTT && type !== CONFIG_TYPE_KAFKA) return undefined;
  return new CeBrokerError(
    'unimplemented',
    `${type} is not in this version of ce-broker-client: use a configuration of type grpc`,
    { field: 'type' },
  );
}

/** @param what Go's words for it */
export function unknownType(what: string, type: string): CeBrokerError {
  return new CeBrokerError('invalid_option', `${what} ${JSON.stringify(type)}: it must be grpc`, {
    field: 'type',
  });
}
