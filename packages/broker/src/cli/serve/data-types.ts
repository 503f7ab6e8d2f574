import { CeBrokerError } from 'ce-broker-proto';
import { type BrokerOptions, validateOptions } from '../../server/index.js';
import { wrongValue } from '../values.js';

type DataTypes = NonNullable<BrokerOptions['dataTypes']>;

/** A map in a file, JSON elsewhere; checked as the broker checks it. */
export function readDataTypes(name: string, value: unknown): DataTypes {
  const read = typeof value === 'string' ? parsed(name, value) : value;
  try {
    return validateOptions({ listen: false, dataTypes: read as DataTypes }).dataTypes;
  } catch (thrown) {
    const { message } = CeBrokerError.from(thrown);
    throw new CeBrokerError('invalid_option', message.replace(/^dataTypes/, name), { field: name });
  }
}

function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrongValue(
      name,
      text,
      'a JSON object by data type, for example {"com.example.v1.widgets":{"keep":"latest"}}',
    );
  }
}
