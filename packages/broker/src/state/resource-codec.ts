import { ByteReader, ByteWriter } from './bytes.js';
import { Cell, type Farewell, type Resource } from './resource.js';
import { type CellKind, StoredAt, type StoredBytes } from './stored.js';

/** The form of the record; a store that meets a higher one was written by a later version. */
export const RECORD_FORMAT = 1;

const OWNER = 1;
const SPEC = 2;
const STATUS = 4;
const REQUEST = 8;
const EARLIER = 16;
const GRAVE = 32;
const FAREWELL = 64;
const PAST = 128;

const DELETING = 1;
const GONE = 2;
const HASH = 4;
const SEQUENCE = 8;
const INHERITED = 16;
const ENDS_UNSEEN = 32;
const DECLINED = 64;

const NOT_SENT = 0;

const NOTHING: StoredBytes = Object.freeze({ position: 0, size: 0 });

const writer = new ByteWriter();

/** What is known of a resource, as bytes; `undefined`: nothing. What only this process knows (who was handed what) is not in it. */
export function encodeResource(resource: Resource): Buffer | undefined {
  if (resource.isBlank) return undefined;
  const { earlierVersion, farewell, grave, owner, pastSpecs, pastStatuses, request, spec, status } = resource;
  const hasPast = (pastSpecs?.length ?? 0) + (pastStatuses?.length ?? 0) > 0;
  writer.begin();
  writer.byte(RECORD_FORMAT);
  writer.byte(
    (owner === undefined ? 0 : OWNER) |
      (spec === undefined ? 0 : SPEC) |
      (status === undefined ? 0 : STATUS) |
      (request === undefined ? 0 : REQUEST) |
      (earlierVersion === undefined ? 0 : EARLIER) |
      (grave === undefined ? 0 : GRAVE) |
      (farewell === undefined ? 0 : FAREWELL) |
      (hasPast ? PAST : 0),
  );
  if (owner !== undefined) writer.text(owner);
  writer.big(resource.newestVersion);
  writer.double(resource.lifeBegan);
  if (spec !== undefined) writeCell(spec);
  if (status !== undefined) writeCell(status);
  if (request !== undefined) {
    writeCell(request);
    writer.text(request.to);
  }
  if (earlierVersion !== undefined) writer.big(earlierVersion);
  if (grave !== undefined) {
    writer.big(grave.version);
    writer.number(grave.position);
    writer.double(grave.stampedAt);
    writer.double(grave.at);
    writer.byte(grave.sequenceId === undefined ? 0 : 1);
    if (grave.sequenceId !== undefined) writer.text(grave.sequenceId);
  }
  if (farewell !== undefined) {
    writeStored(farewell.stored);
    writer.double(farewell.since);
  }
  if (hasPast) {
    writePast(pastSpecs);
    writePast(pastStatuses);
  }
  // At the end, where versions before it read no further.
  if (farewell !== undefined) writer.double(farewell.sentAt ?? NOT_SENT);
  return writer.done();
}

/**
 * The resource is again what {@link encodeResource} wrote; `undefined`: nothing is known of it. Cells that it had are used again, since
 * sessions may hold them. Throws a RangeError for other bytes.
 */
export function restoreResource(resource: Resource, record: Uint8Array | undefined): void {
  const before = { spec: resource.spec, status: resource.status, request: resource.request };
  clear(resource);
  if (record === undefined) return;
  const reader = new ByteReader(record);
  if (reader.byte() !== RECORD_FORMAT) throw new RangeError('a record of another version');
  const flags = reader.byte();
  const cell = (kind: CellKind, flag: number): Cell | undefined =>
    (flags & flag) === 0 ? undefined : readCell(reader, before[kind] ?? blankCell(resource, kind));
  if ((flags & OWNER) !== 0) resource.owner = reader.sharedText();
  resource.newestVersion = reader.big();
  resource.lifeBegan = reader.double();
  resource.spec = cell('spec', SPEC);
  resource.status = cell('status', STATUS);
  resource.request = cell('request', REQUEST);
  if (resource.request !== undefined) resource.request.to = reader.text();
  if ((flags & EARLIER) !== 0) resource.earlierVersion = reader.big();
  if ((flags & GRAVE) !== 0) {
    resource.grave = {
      version: reader.big(),
      position: reader.number(),
      stampedAt: reader.double(),
      at: reader.double(),
      sequenceId: reader.byte() === 0 ? undefined : reader.text(),
    };
  }
  if ((flags & FAREWELL) !== 0) {
    resource.farewell = { stored: readStored(reader), since: reader.double(), sentAt: undefined };
  }
  if ((flags & PAST) !== 0) {
    resource.pastSpecs = readPast(reader);
    resource.pastStatuses = readPast(reader);
  }
  const { farewell } = resource;
  if (farewell !== undefined) farewell.sentAt = readSentAt(reader, farewell);
}

/** A record of before it was written says nothing: no live resource is deleted on suspicion. */
function readSentAt(reader: ByteReader, { since }: Farewell): number | undefined {
  if (reader.atEnd) return since;
  const sentAt = reader.double();
  return sentAt === NOT_SENT ? undefined : sentAt;
}

function clear(resource: Resource): void {
  resource.owner = undefined;
  resource.spec = undefined;
  resource.status = undefined;
  resource.request = undefined;
  resource.pastSpecs = undefined;
  resource.pastStatuses = undefined;
  resource.newestVersion = 0n;
  resource.earlierVersion = undefined;
  resource.lifeBegan = 0;
  resource.farewell = undefined;
  resource.deletionSentAt = undefined;
  resource.grave = undefined;
}

function writeCell(cell: Cell): void {
  writeStored(cell.stored);
  writer.double(cell.at);
  writer.double(cell.stampedAt);
  writer.big(cell.version);
  const { sequenceId, statusHash } = cell;
  writer.byte(
    (cell.deleting ? DELETING : 0) |
      (cell.gone ? GONE : 0) |
      (cell.inherited ? INHERITED : 0) |
      (cell.endsUnseen ? ENDS_UNSEEN : 0) |
      (cell.declined ? DECLINED : 0) |
      (statusHash === undefined ? 0 : HASH) |
      (sequenceId === undefined ? 0 : SEQUENCE),
  );
  if (statusHash !== undefined) writer.text(statusHash);
  if (sequenceId !== undefined) writer.text(sequenceId);
}

function blankCell(resource: Resource, kind: CellKind): Cell {
  return new Cell(resource, kind, NOTHING, 0, 0, 0n);
}

function readCell(reader: ByteReader, cell: Cell): Cell {
  cell.stored = readStored(reader);
  cell.position = cell.stored.position;
  cell.at = reader.double();
  cell.stampedAt = reader.double();
  cell.version = reader.big();
  cell.refusedBy = undefined;
  cell.lastDurable = undefined;
  const flags = reader.byte();
  cell.deleting = (flags & DELETING) !== 0;
  cell.gone = (flags & GONE) !== 0;
  cell.inherited = (flags & INHERITED) !== 0;
  cell.endsUnseen = (flags & ENDS_UNSEEN) !== 0;
  cell.declined = (flags & DECLINED) !== 0;
  cell.statusHash = (flags & HASH) === 0 ? undefined : reader.text();
  cell.sequenceId = (flags & SEQUENCE) === 0 ? undefined : reader.text();
  return cell;
}

function writeStored({ position, size }: StoredBytes): void {
  writer.number(position);
  writer.number(size);
}

/** A store that commits knows its records by their position alone. */
function readStored(reader: ByteReader): StoredBytes {
  const position = reader.number();
  return new StoredAt(position, reader.number());
}

function writePast(past: readonly StoredBytes[] | undefined): void {
  writer.number(past?.length ?? 0);
  for (const stored of past ?? []) writeStored(stored);
}

function readPast(reader: ByteReader): StoredBytes[] | undefined {
  const length = reader.number();
  if (length === 0) return undefined;
  const past: StoredBytes[] = [];
  for (let index = 0; index < length; index++) past.push(readStored(reader));
  return past;
}
