import { type AttributeValue, CeBrokerError, formatRfc3339, parseRfc3339 } from 'ce-broker-proto';

/**
 * An attribute as JSON that keeps its kind: strings, numbers (32 bits) and booleans stand for themselves, the rest is an
 * object with one key: `{"bytes": BASE64}`, `{"uri": TEXT}`, `{"uriRef": TEXT}`, `{"timestamp": RFC 3339}`.
 */
export function valueToJson(value: AttributeValue): unknown {
  switch (value.kind) {
    case 'boolean':
    case 'integer':
    case 'string':
      return value.value;
    case 'bytes':
      return { bytes: Buffer.from(value.value).toString('base64') };
    case 'uri':
      return { uri: value.value };
    case 'uriRef':
      return { uriRef: value.value };
    case 'timestamp':
      return { timestamp: formatRfc3339(value.value) };
  }
}

/** The attribute that {@link valueToJson} wrote. Throws `invalid_argument` that names it. */
export function valueFromJson(name: string, json: unknown): AttributeValue {
  if (typeof json === 'string') return { kind: 'string', value: json };
  if (typeof json === 'boolean') return { kind: 'boolean', value: json };
  if (typeof json === 'number' && Number.isInteger(json)) return { kind: 'integer', value: json };
  if (typeof json === 'object' && json !== null) {
    const [entry, ...more] = Object.entries(json);
    if (entry !== undefined && more.length === 0 && typeof entry[1] === 'string') {
      const value = ofKind(entry[0], entry[1]);
      if (value !== undefined) return value;
    }
  }
  throw new CeBrokerError(
    'invalid_argument',
    `extensions.${name} is ${JSON.stringify(json)}: it must be text, a whole number, true or false, or one of ` +
      '{"bytes": BASE64}, {"uri": TEXT}, {"uriRef": TEXT}, {"timestamp": RFC3339}',
    { field: name },
  );
}

function ofKind(kind: string, text: string): AttributeValue | undefined {
  switch (kind) {
    case 'bytes':
      return { kind: 'bytes', value: Buffer.from(text, 'base64') };
    case 'uri':
      return { kind: 'uri', value: text };
    case 'uriRef':
      return { kind: 'uriRef', value: text };
    case 'timestamp': {
      const time = parseRfc3339(text);
      return time === undefined ? undefined : { kind: 'timestamp', value: time };
    }
    default:
      return undefined;
  }
}
