import type { IncomingMessage } from 'node:http';
import { CeBrokerError } from 'ce-broker-proto';

const MOST_BYTES = 64 * 1024;

/** The JSON object that was sent. Throws `invalid_argument` or `resource_exhausted`. */
export async function readObject(
  request: IncomingMessage,
  mostBytes = MOST_BYTES,
): Promise<Readonly<Record<string, unknown>>> {
  const type = request.headers['content-type'] ?? 'none';
  if (!/^application\/json *(;|$)/i.test(type))
    throw new CeBrokerError('invalid_argument', `content-type is ${type}: it must be application/json`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes)
      throw new CeBrokerError('resource_exhausted', `the body is larger than ${mostBytes} bytes`, {
        field: 'body',
      });
    chunks.push(chunk);
  }
  const body = parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return body as Readonly<Record<string, unknown>>;
  throw new CeBrokerError('invalid_argument', 'the body must be a JSON object');
}

/**
 * Narrows a body to texts: `names` may be there, `needed` of them must be, nothing else may. An empty text counts as missing. Throws
 * `invalid_argument` that names the member.
 */
export function readBody<Name extends string, Needed extends Name = never>(
  body: Readonly<Record<string, unknown>>,
  names: readonly Name[],
  needed: readonly Needed[] = [],
): Readonly<Partial<Record<Name, string>> & Record<Needed, string>> {
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(body)) {
    if (!names.some((known) => known === name))
      throw new CeBrokerError('invalid_argument', `there is no member ${name}: ${names.join(', ')}`);
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string')
      throw new CeBrokerError('invalid_argument', `${name} must be text`, { field: name });
    read[name] = value;
  }
  for (const name of needed) {
    if (!(name in read)) throw new CeBrokerError('invalid_argument', `${name} is missing`, { field: name });
  }
  return read as Partial<Record<Name, string>> & Record<Needed, string>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CeBrokerError('invalid_argument', `the body is no JSON: ${String(cause)}`, { cause });
  }
}
