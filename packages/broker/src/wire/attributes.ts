import { type AttributeValue, decodeEventParts, encodeEvent, encodeValue, WireWriter } from 'ce-broker-proto';

/**
 * One extension that is a string, by its name without prefix; undefined when it is absent or of another kind. For events
 * that were scanned before: throws `invalid_argument` for bytes that are no event.
 */
export function readStringAttribute(bytes: Uint8Array, name: string): string | undefined {
  const value = decodeEventParts(bytes).event.extensions.get(name);
  return value?.kind === 'string' ? value.value : undefined;
}

/**
 * The event with one attribute added, or replaced: a map entry at the end overrides an earlier one with the same key in
 * every runtime. The rest of the bytes stays as it is, but for an event in structured mode, where attributes
 * outside of the JSON count for nothing: it is written anew in binary mode.
 *
 * @param name - as on the wire, with its prefix: `ce-metadata`
 */
export function appendAttribute(bytes: Uint8Array, name: string, value: AttributeValue): Uint8Array {
  const { event, structured } = decodeEventParts(bytes);
  if (structured) {
    const extensions = new Map(event.extensions).set(name.replace(/^ce-/, ''), value);
    return encodeEvent({ ...event, extensions });
  }
  const entry = new WireWriter(64)
    .stringField(1, name, name)
    .bytesField(2, encodeValue(value, name))
    .finish();
  const tail = new WireWriter(entry.length + 6).bytesField(5, entry).finish();
  const result = Buffer.allocUnsafeSlow(bytes.length + tail.length);
  result.set(bytes, 0);
  result.set(tail, bytes.length);
  return result;
}
