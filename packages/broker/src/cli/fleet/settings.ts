import { resolve } from 'node:path';
import { CeBrokerError, CloudEventsDataType } from 'ce-broker-proto';
import { DEFAULT_DATA_TYPE } from './file-resource.js';

/** Throws `invalid_option` for an option that is not there. `why` says what it is for. */
export function required(option: string, value: string | undefined, why: string): string {
  if (value !== undefined && value !== '') return value;
  throw new CeBrokerError('invalid_option', `${option} is missing: ${why}`, { field: option });
}

export function readDataType(value: string | undefined): CloudEventsDataType {
  try {
    const dataType = CloudEventsDataType.parse(value ?? DEFAULT_DATA_TYPE);
    const { group, version, resource } = dataType;
    if (group !== '' && version !== '' && resource !== '' && !/\s/.test(String(value))) return dataType;
  } catch {
    // Told below.
  }
  throw new CeBrokerError(
    'invalid_option',
    `--data-type is ${JSON.stringify(value)}: it must be GROUP.VERSION.RESOURCE, for example ${DEFAULT_DATA_TYPE}`,
    { field: '--data-type' },
  );
}

/** A path from an option, as it is from wherever the program is. */
export function readPath(value: string): string {
  return resolve(value);
}
