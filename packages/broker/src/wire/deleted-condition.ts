import type { Envelope } from './envelope.js';
import { payloadOf } from './payload.js';

const DELETED = Buffer.from('Deleted');

/**
 * Whether a ManifestBundle's status says that the work is gone: a condition of type `Deleted` with status `True`, which
 * is what the SDK's source clients look at (Go: `meta.IsStatusConditionTrue`, the first condition of the type). The only
 * payload that the broker reads; whatever cannot be read says no.
 */
export function hasDeletedCondition(envelope: Envelope): boolean {
  const { bytes, dataStart, dataEnd } = envelope;
  // Cheap first: nearly every status lacks the word. (A JSON escape inside of the word would be missed; nobody writes that.)
  const part = Buffer.from(bytes.buffer, bytes.byteOffset + dataStart, dataEnd - dataStart);
  if (!part.includes(DELETED)) return false;
  try {
    const payload = payloadOf(envelope);
    return payload !== undefined && conditionIsTrue(JSON.parse(Buffer.from(payload).toString('utf8')));
  } catch {
    return false;
  }
}

function conditionIsTrue(status: unknown): boolean {
  if (!isObject(status) || !Array.isArray(status['conditions'])) return false;
  const conditions: readonly unknown[] = status['conditions'];
  const condition = conditions.find((candidate) => isObject(candidate) && candidate['type'] === 'Deleted');
  return isObject(condition) && condition['status'] === 'True';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
