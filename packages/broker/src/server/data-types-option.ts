import type { DataTypePolicy } from '../access/data-type-policy.js';

const POLICY_VALUES: Readonly<Record<keyof DataTypePolicy, readonly unknown[]>> = {
  writer: ['source', 'agent', 'ambiguous'],
  keep: ['durable', 'latest', 'none'],
  deletion: ['deleted-condition', 'absence'],
  secret: [true, false],
};

/** What is wrong with a policy, and where: the data type, and the setting where there is one. */
export interface DataTypeMistake {
  readonly path: readonly string[];
  /** The option that it is about. */
  readonly field: string;
  readonly message: string;
}

/** Everything that is wrong with the policies of data types. */
export function* dataTypeMistakes(dataTypes: unknown): Generator<DataTypeMistake, void> {
  if (!isRecord(dataTypes)) {
    yield { path: [], field: 'dataTypes', message: 'dataTypes must be an object' };
    return;
  }
  for (const [dataType, policy] of Object.entries(dataTypes)) {
    const option = `dataTypes[${JSON.stringify(dataType)}]`;
    const path = [dataType];
    if (!isRecord(policy)) {
      yield { path, field: option, message: `${option} must be an object` };
      continue;
    }
    if (dataType.split('.').length < 3) {
      const message = `${option}: a data type is <group>.<version>.<resource>`;
      yield { path, field: 'dataTypes', message };
    }
    for (const [name, value] of Object.entries(policy)) {
      const message = wrongSetting(option, name, value);
      if (message !== undefined) yield { path: [dataType, name], field: 'dataTypes', message };
    }
  }
}

function wrongSetting(option: string, name: string, value: unknown): string | undefined {
  const allowed = Object.hasOwn(POLICY_VALUES, name)
    ? POLICY_VALUES[name as keyof DataTypePolicy]
    : undefined;
  if (allowed === undefined)
    return `${option} has no setting ${name}; it has ${Object.keys(POLICY_VALUES).join(', ')}`;
  if (allowed.includes(value)) return undefined;
  return `${option}.${name} is ${shown(value)}: it must be ${allowed.map(shown).join(' or ')}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
