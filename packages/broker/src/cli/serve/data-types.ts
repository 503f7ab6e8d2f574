import { CeBrokerError } from 'ce-broker-proto';
import { type BrokerOptions, type DataTypeMistake, dataTypeMistakes } from '../../server/index.js';
import { wrongValue } from '../values.js';

type DataTypes = NonNullable<BrokerOptions['dataTypes']>;

/** Policies that are wrong, with every mistake: a file has a line for each. */
export class DataTypesError extends CeBrokerError {
  readonly mistakes: readonly DataTypeMistake[];

  constructor(name: string, mistakes: readonly DataTypeMistake[]) {
    super('invalid_option', mistakes.map(({ message }) => message).join('; '), { field: name });
    this.mistakes = mistakes;
  }
}

/** A map in a file, JSON elsewhere; checked as the broker checks it. */
export function readDataTypes(name: string, value: unknown): DataTypes {
  const read = typeof value === 'string' ? parsed(name, value) : value;
  const mistakes = [...dataTypeMistakes(read)].map((mistake) => ({
    ...mistake,
    message: mistake.message.replace(/^dataTypes/, name),
  }));
  if (mistakes.length > 0) throw new DataTypesError(name, mistakes);
  return read as DataTypes;
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
