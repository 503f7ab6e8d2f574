import { CeBrokerError } from 'ce-broker-proto';
import type { Partition } from '../state/partition.js';
import { Cell, type Grave, type Resource } from '../state/resource.js';
import type { CellKind, StoredBytes } from '../state/stored.js';
import type { Envelope } from '../wire/envelope.js';
import type { Core } from './core.js';
import { EXPORT_FORMAT, type ExportedCell, type ExportedEvent, type ExportedResource } from './export.js';
import { resort } from './holds.js';

/** The highest version. */
const HIGHEST = 9_223_372_036_854_775_807n;
/** The longest resource id that is kept, in bytes of UTF-8. */
const LONGEST_ID = 1024;

/**
 * `taken`: the broker has it now. `known`: it had something of it already, and that stays. `left-out`: its events are not in the export, or its
 * data type is not kept.
 */
export type Imported = 'taken' | 'known' | 'left-out';

/**
 * Takes one row of an export; connected subscribers get what is theirs. Throws CeBrokerError `invalid_argument` for what is no row,
 * `failed_precondition` for an export of a later version, and what the store refuses.
 */
export function importRow(core: Core, row: unknown, now: number): Imported | undefined {
  const { kind, ...members } = object(row, 'the line');
  switch (kind) {
    case 'export':
      refuseLaterFormat(members['format']);
      return undefined;
    case 'hold': {
      const hold = object(members['hold'], 'hold');
      // Positions are others here: all deletions that are imported wait, as some did.
      const taken = core.holds.take({ ...hold, ...('after' in hold ? { after: core.position } : {}) });
      if (taken) for (const session of [...core.sessions.all()]) resort(session, now);
      return undefined;
    }
    case 'adopted':
      core.adoptions.record(text(members['from'], 'from'), text(members['to'], 'to'));
      return undefined;
    case 'retired':
      core.adoptions.retire(text(members['source'], 'source'));
      return undefined;
    case 'resource':
      return importResource(core, members, now);
    case 'end':
      return undefined;
    default:
      throw invalid('kind', `kind is ${JSON.stringify(kind)}: this is no line of an export`);
  }
}

function importResource(core: Core, members: Readonly<Record<string, unknown>>, now: number): Imported {
  const cluster = text(members['cluster'], 'cluster');
  const dataType = text(members['dataType'], 'dataType');
  const id = text(members['id'], 'id');
  if (Buffer.byteLength(id) > LONGEST_ID) throw invalid('id', `id has more than ${LONGEST_ID} bytes`);
  if (core.table.find(dataType, cluster)?.find(id) !== undefined) return 'known';
  if (!core.options.keepState || core.policies.of(dataType).keep === 'none') return 'left-out';
  const { refusal } = core.store;
  if (refusal !== undefined) throw new CeBrokerError(refusal.code, refusal.message);
  const row = members as unknown as ExportedResource;
  const read = new EventReader(core, { cluster, dataType, id });
  const pieces = [
    ...read.cells(row),
    ...read.past('spec', row.pastSpecs),
    ...read.past('status', row.pastStatuses),
    ...read.farewell(row.farewell),
  ].sort((one, other) => one.from.position - other.from.position);
  if (pieces.some(({ from }) => from.event === undefined)) return 'left-out';
  if (pieces.length === 0 && row.grave === undefined) return 'left-out';
  const { earlierVersion, grave, lifeBegan, newestVersion, owner } = row;
  const before = {
    newest: version(newestVersion ?? '0', 'newestVersion'),
    earlier: earlierVersion === undefined ? undefined : version(earlierVersion, 'earlierVersion'),
    grave: grave === undefined ? undefined : graveOf(grave),
    owner: owner === null || owner === undefined ? undefined : text(owner, 'owner'),
  };
  const partition = core.table.partition(dataType, cluster);
  const resource = partition.resource(id);
  resource.newestVersion = before.newest;
  resource.earlierVersion = before.earlier;
  resource.lifeBegan = typeof lifeBegan === 'number' ? lifeBegan : 0;
  for (const piece of pieces) {
    core.position += 1;
    const { at, user } = piece.from;
    const stored = core.store.append({
      resource,
      kind: piece.kind,
      position: core.position,
      bytes: piece.bytes,
      at,
      user,
    });
    piece.put(resource, stored);
  }
  // They were put oldest first.
  resource.pastSpecs?.reverse();
  resource.pastStatuses?.reverse();
  if (before.grave !== undefined) resource.grave = { ...before.grave, position: core.position };
  core.table.changed(resource);
  core.table.setOwner(resource, before.owner);
  core.table.changed(resource);
  offer(core, partition, resource, now);
  return 'taken';
}

/** Those who are connected get it as soon as it is durable. */
function offer(core: Core, { cluster, dataType }: Partition, resource: Resource, now: number): void {
  const { owner = '', request, spec, status } = resource;
  const receivers = [
    [core.sessions.agentsOf(cluster), spec],
    [core.sessions.of('source', owner), status],
    [core.sessions.of('source', request?.to ?? ''), request],
  ] as const;
  for (const [sessions, cell] of receivers) {
    if (cell === undefined) continue;
    for (const session of sessions) if (session.takes(dataType)) session.mark(cell, now);
  }
}

/** An event of the row, and where it belongs. */
interface Piece {
  readonly kind: CellKind;
  readonly from: ExportedEvent;
  readonly bytes: Uint8Array;
  put(resource: Resource, stored: StoredBytes): void;
}

interface About {
  readonly cluster: string;
  readonly dataType: string;
  readonly id: string;
}

class EventReader {
  readonly #core: Core;
  readonly #about: About;

  constructor(core: Core, about: About) {
    this.#core = core;
    this.#about = about;
  }

  *cells({ request, spec, status }: ExportedResource): Iterable<Piece> {
    for (const [kind, cell] of [
      ['spec', spec],
      ['status', status],
      ['request', request],
    ] as const) {
      if (cell?.to !== undefined && typeof cell.to !== 'string')
        throw invalid(`${kind}.to`, `${kind}.to must be text`);
      if (cell !== undefined)
        yield this.#piece(kind, kind, cell, (resource, stored, event) => {
          resource[kind] = cellOf(resource, kind, stored, cell, event);
        });
    }
  }

  *past(kind: 'spec' | 'status', events: readonly ExportedEvent[] | undefined): Iterable<Piece> {
    const name = kind === 'spec' ? 'pastSpecs' : 'pastStatuses';
    if (events !== undefined && !Array.isArray(events)) throw invalid(name, `${name} must be a list`);
    for (const from of events ?? []) {
      yield this.#piece(kind, name, from, (resource, stored) => {
        resource[name] ??= [];
        resource[name].push(stored);
      });
    }
  }

  *farewell(from: ExportedResource['farewell']): Iterable<Piece> {
    if (from === undefined) return;
    number(from.since, 'farewell.since');
    const { since } = from;
    // Exports of before say nothing of it: no live resource is deleted on suspicion.
    const sentAt = from.sentAt === null ? undefined : number(from.sentAt ?? since, 'farewell.sentAt');
    yield this.#piece('spec', 'farewell', from, (resource, stored) => {
      resource.farewell = { stored, sentAt, since };
    });
  }

  #piece(
    kind: CellKind,
    name: string,
    from: ExportedEvent,
    put: (resource: Resource, stored: StoredBytes, event: Envelope) => void,
  ): Piece {
    const { at, event, position, user } = object(from, name);
    if (typeof at !== 'number' || typeof position !== 'number' || typeof user !== 'string')
      throw invalid(name, `${name} lacks at, position or user`);
    if (event === undefined) return { kind, from, bytes: new Uint8Array(), put: () => {} };
    const bytes = ofBase64(text(event, `${name}.event`));
    const envelope = this.#core.scanner.scanEvent(bytes);
    const { cluster, dataType, id } = this.#about;
    const { resourceId, type } = envelope;
    if (resourceId !== id || type.dataType !== dataType || (envelope.cluster ?? cluster) !== cluster) {
      throw invalid(
        name,
        `the event of ${name} is of ${resourceId ?? 'no resource'} of ${type.dataType} on ${envelope.cluster ?? 'no cluster'}, not of ${id} of ${dataType} on ${cluster}`,
      );
    }
    return { kind, from, bytes, put: (resource, stored) => put(resource, stored, envelope) };
  }
}

function cellOf(
  resource: Resource,
  kind: CellKind,
  stored: StoredBytes,
  { at, declined, gone, inherited, to }: ExportedCell,
  event: Envelope,
): Cell {
  const cell = new Cell(resource, kind, stored, stored.position, at, event.version);
  cell.stampedAt = event.time;
  cell.deleting = kind !== 'status' && event.deleting;
  cell.gone = gone === true;
  cell.inherited = inherited === true;
  cell.declined = declined === true;
  cell.to = to ?? '';
  if (kind === 'status') {
    cell.statusHash = event.statusHash;
    cell.sequenceId = event.sequenceId;
  }
  return cell;
}

/** Bytes of their own: a store keeps them. */
function ofBase64(encoded: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(encoded, 'base64'));
  return bytes.subarray(0, bytes.write(encoded, 'base64'));
}

function graveOf(grave: unknown): Omit<Grave, 'position'> {
  const { at, sequenceId, stampedAt, version: newest } = object(grave, 'grave');
  if (sequenceId !== undefined && typeof sequenceId !== 'string')
    throw invalid('grave.sequenceId', 'grave.sequenceId must be text');
  return {
    version: version(newest, 'grave.version'),
    stampedAt: number(stampedAt, 'grave.stampedAt'),
    at: number(at, 'grave.at'),
    sequenceId,
  };
}

function refuseLaterFormat(format: unknown): void {
  if (typeof format !== 'number') throw invalid('format', 'format is missing: this is no export');
  if (format <= EXPORT_FORMAT) return;
  throw new CeBrokerError(
    'failed_precondition',
    `the export has format ${format}, and this version knows ${EXPORT_FORMAT} at most: import it with the version that wrote it, or a later one`,
  );
}

function version(value: unknown, name: string): bigint {
  if (typeof value === 'string' && /^\d{1,19}$/.test(value) && BigInt(value) <= HIGHEST) return BigInt(value);
  throw invalid(name, `${name} is ${JSON.stringify(value)}: a version is text of digits, at most ${HIGHEST}`);
}

function number(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalid(name, `${name} must be a number`);
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(name, `${name} must be text that is not empty`);
}

function object(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw invalid(name, `${name} must be a JSON object`);
}

function invalid(field: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', message, { field });
}
