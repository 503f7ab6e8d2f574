import { type AttributeValue, encodeHeartbeat, encodeValue, WireWriter } from 'ce-broker-proto';

/** An attribute by its name on the wire (`ce-clustername`, `contenttype`). */
export type WireAttribute = AttributeValue & { readonly name: string };

/** What an event that the broker itself sends is made of. */
export interface BuildEventInit {
  readonly id: string;
  readonly source: string;
  /** The whole type string. */
  readonly type: string;
  /** At least one, or Go receivers do not know the encoding; written in the order given. */
  readonly attributes: readonly WireAttribute[];
  /** Written as binary_data; none when undefined. */
  readonly data?: Uint8Array | undefined;
}

/** Encodes an event of the broker's own: spec_version 1.0, binary mode. */
export function buildEvent(init: BuildEventInit): Uint8Array {
  const { data } = init;
  const writer = new WireWriter(512 + (data === undefined ? 0 : data.length))
    .stringField(1, init.id, 'id')
    .stringField(2, init.source, 'source')
    .stringField(3, '1.0', 'spec_version')
    .stringField(4, init.type, 'type');
  for (const attribute of init.attributes) {
    const { name } = attribute;
    const entry = new WireWriter(64).stringField(1, name, name).bytesField(2, encodeValue(attribute, name));
    writer.bytesField(5, entry.finish());
  }
  if (data !== undefined) writer.bytesField(6, data);
  return writer.finish();
}

/** Encodes a heartbeat with the given id (a UUID). */
export function buildHeartbeat(id: string): Uint8Array {
  return encodeHeartbeat(id);
}
