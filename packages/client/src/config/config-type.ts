/** Go: `constants.ConfigTypeGRPC`. */
export const CONFIG_TYPE_GRPC = 'grpc';
/** Go: `constants.ConfigTypeMQTT`. Not in this version. */
export const CONFIG_TYPE_MQTT = 'mqtt';
/** Go: `constants.ConfigTypeKafka`. Not in this version. */
export const CONFIG_TYPE_KAFKA = 'kafka';

/** The kinds of configuration that Go knows. */
export type ConfigType = typeof CONFIG_TYPE_GRPC | typeof CONFIG_TYPE_MQTT | typeof CONFIG_TYPE_KAFKA;
