import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../state/bytes.js';
import type { StoreRecord } from '../state/event-store.js';
import type { CellKind } from '../state/stored.js';

/** What the files hold, and how. A store of a lower format is brought up to this one when it is opened; a higher one is refused. */
export const FORMAT = 1;

const KINDS: readonly CellKind[] = ['spec', 'status', 'request'];
const CHECKSUM_BYTES = 4;
const ENTRY_BYTES = 1_800;
const HEAD = 1;
const GONE = 2;
const DEAD = 3;
const writer = new ByteWriter();

/** Positions and group numbers: eight bytes, so that their order is that of the numbers. */
export function numberKey(value: number): Buffer {
  return writeNumberKey(Buffer.allocUnsafe(8), value);
}

function writeNumberKey(key: Buffer, value: number): Buffer {
  key.writeUInt32BE(Math.floor(value / 0x1_0000_0000), 0);
  key.writeUInt32BE(value >>> 0, 4);
  return key;
}

export function numberOfKey(key: Uint8Array): number {
  const buffer = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return buffer.readUInt32BE(0) * 0x1_0000_0000 + buffer.readUInt32BE(4);
}

/** A resource: the number of its partition, then its id. */
export function resourceKey(partition: number, id: string): Buffer {
  const key = Buffer.allocUnsafe(4 + Buffer.byteLength(id));
  key.writeUInt32BE(partition, 0);
  key.write(id, 4);
  return key;
}

export function idOfKey(key: Buffer): string {
  return key.toString('utf8', 4);
}

export interface EventRecord {
  readonly kind: CellKind;
  readonly at: number;
  readonly partition: number;
  readonly id: string;
  readonly user: string;
  readonly bytes: Buffer;
}

const positionKey = Buffer.allocUnsafeSlow(8);

/** An event with what is kept beside it, sealed under its position. */
export function encodeEvent({ at, bytes, kind, position, resource, user }: StoreRecord): Buffer {
  writer.begin();
  writer.byte(KINDS.indexOf(kind));
  writer.double(at);
  writer.number(resource.place.number);
  writer.text(resource.id);
  writer.text(user);
  const sealed = Buffer.allocUnsafe(CHECKSUM_BYTES + writer.length + bytes.byteLength);
  writer.copyTo(sealed, CHECKSUM_BYTES);
  sealed.set(bytes, CHECKSUM_BYTES + writer.length);
  const ofKey = crc32(writeNumberKey(positionKey, position));
  sealed.writeUInt32LE(crc32(sealed.subarray(CHECKSUM_BYTES), ofKey), 0);
  return sealed;
}

export function decodeEvent(record: Buffer): EventRecord {
  const reader = new ByteReader(record);
  const kind = KINDS[reader.byte()];
  if (kind === undefined) throw new RangeError('no such kind');
  return {
    kind,
    at: reader.double(),
    partition: reader.number(),
    id: reader.text(),
    user: reader.text(),
    bytes: reader.rest(),
  };
}

/** The record with a checksum before it, of the record and of the key it stands under: neither may be another's. */
export function seal(key: Uint8Array, record: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(CHECKSUM_BYTES + record.byteLength);
  sealed.writeUInt32LE(crc32(record, crc32(key)), 0);
  sealed.set(record, CHECKSUM_BYTES);
  return sealed;
}

/** The record without its checksum; undefined: it is not what was written under this key. */
export function unseal(key: Uint8Array, sealed: Buffer): Buffer | undefined {
  if (sealed.byteLength < CHECKSUM_BYTES) return undefined;
  const record = sealed.subarray(CHECKSUM_BYTES);
  return sealed.readUInt32LE(0) === crc32(record, crc32(key)) ? record : undefined;
}

/** What a group did to a resource; `record` undefined: it is gone. */
export interface HeadChange {
  readonly partition: number;
  readonly id: string;
  readonly record: Buffer | undefined;
}

/**
 * The journal's entries of one group: what its resources are since then, and which events nobody needs any more. Each fits beside others
 * on a page: a value with pages of its own makes LMDB look for free ones that lie side by side, which takes long in a file that has many.
 */
export function* encodeGroup(changes: readonly HeadChange[], dead: readonly number[]): Iterable<Buffer> {
  writer.begin();
  for (const { partition, id, record } of changes) {
    if (writer.length > 0 && writer.length + id.length + (record?.byteLength ?? 0) > ENTRY_BYTES) {
      yield writer.done();
      writer.begin();
    }
    writer.byte(record === undefined ? GONE : HEAD);
    writer.number(partition);
    writer.text(id);
    if (record === undefined) continue;
    writer.number(record.byteLength);
    writer.bytes(record);
  }
  for (const position of dead) {
    if (writer.length > ENTRY_BYTES) {
      yield writer.done();
      writer.begin();
    }
    writer.byte(DEAD);
    writer.number(position);
  }
  if (writer.length > 0) yield writer.done();
}

export function decodeGroup(entry: Buffer): { changes: HeadChange[]; dead: number[] } {
  const reader = new ByteReader(entry);
  const changes: HeadChange[] = [];
  const dead: number[] = [];
  while (!reader.atEnd) {
    const what = reader.byte();
    if (what === DEAD) {
      dead.push(reader.number());
      continue;
    }
    const partition = reader.number();
    const id = reader.text();
    const record = what === GONE ? undefined : Buffer.from(reader.bytes(reader.number()));
    changes.push({ partition, id, record });
  }
  return { changes, dead };
}

/** Where the entries of a group stand in the journal: by its number, then by their own. */
export function journalKey(group: number, entry: number): Buffer {
  const key = Buffer.allocUnsafe(12);
  numberKey(group).copy(key);
  key.writeUInt32BE(entry, 8);
  return key;
}
