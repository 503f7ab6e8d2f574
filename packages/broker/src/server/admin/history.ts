import { createHash } from 'node:crypto';
import { decodeEvent, eventDataBytes } from 'ce-broker-proto';
import type { Core } from '../../core/index.js';
import type { StoredBytes } from '../../state/event-store.js';
import type { CellView, Resource } from '../../state/resource.js';
import { diffJson, type JsonDiff } from './json-diff.js';
import { shown } from './state-rows.js';
import { unlessDamaged } from './stored-note.js';

/** Larger payloads are compared by size and hash only: a broker does not stop for a look at its past. */
const MOST_COMPARED_BYTES = 1024 * 1024;

/** One version in `/state/history`. */
export interface VersionRow {
  readonly position: number;
  readonly version: number | string;
  /** `create_request`, `update_request`, ... */
  readonly action: string;
  readonly deletion: boolean;
  /** When it arrived, in ISO 8601; null: the store does not say. */
  readonly at: string | null;
  /** The user that published it; null: the store does not say. */
  readonly by: string | null;
  /** Source and id of the event. */
  readonly source: string;
  readonly eventId: string;
  /** Of the whole event. */
  readonly bytes: number;
  /** What differs from the version before it; null: that is not kept, or there is nothing to show. */
  readonly changes: Changes | null;
  /** The record does not have the checksum that it was written with: nothing of it is known. */
  readonly damaged: boolean;
}

/** `json` where both payloads are JSON, else the size and SHA-256 of both. `masked`: the type's payloads are secret. */
export type Changes =
  | ({ readonly kind: 'json' } & JsonDiff)
  | { readonly kind: 'bytes'; readonly from: PayloadRow; readonly to: PayloadRow }
  | { readonly kind: 'masked' };

export interface PayloadRow {
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

export interface HistoryRow {
  readonly id: string;
  readonly cluster: string;
  readonly dataType: string;
  readonly owner: string | null;
  /** How many versions of each side are kept at most. */
  readonly kept: number;
  /** Newest first. */
  readonly specs: readonly VersionRow[];
  readonly statuses: readonly VersionRow[];
}

interface Read {
  readonly row: VersionRow;
  readonly payload: Uint8Array | undefined;
}

/** What a resource was, as far as it is kept. One version is read in a turn. */
export async function historyOf(core: Readonly<Core>, resource: Resource): Promise<HistoryRow> {
  const { id, owner, place } = resource;
  const { secret } = core.policies.of(place.dataType);
  const specs = await versions(core, () => line(resource.spec, resource.pastSpecs), secret);
  return {
    id,
    cluster: place.cluster,
    dataType: place.dataType,
    owner: owner ?? null,
    kept: core.options.history,
    specs,
    statuses: await versions(core, () => line(resource.status, resource.pastStatuses), secret),
  };
}

function line(newest: CellView | undefined, past: readonly StoredBytes[] = []): readonly StoredBytes[] {
  return newest === undefined ? [...past] : [newest.stored, ...past];
}

async function versions(
  core: Readonly<Core>,
  kept: () => readonly StoredBytes[],
  secret: boolean,
): Promise<readonly VersionRow[]> {
  const rows: VersionRow[] = [];
  let newer: Read | undefined;
  for (const position of kept().map((one) => one.position)) {
    // The one of this turn: what was forgotten in an earlier one may be the handle of another event.
    const stored = kept().find((one) => one.position === position);
    if (stored === undefined) continue;
    const read = readVersion(core, stored);
    if (newer !== undefined) rows.push({ ...newer.row, changes: changesOf(read, newer, secret) });
    newer = read;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (newer !== undefined) rows.push(newer.row);
  return rows;
}

function readVersion(core: Readonly<Core>, stored: StoredBytes): Read {
  const { position, size } = stored;
  const nothing = { version: 0, action: '', deletion: false, at: null, by: null, source: '', eventId: '' };
  return (
    unlessDamaged(() => readIntact(core, stored)) ?? {
      row: { position, ...nothing, bytes: size, changes: null, damaged: true },
      payload: undefined,
    }
  );
}

function readIntact({ scanner, store }: Readonly<Core>, stored: StoredBytes): Read {
  const { position, size } = stored;
  const note = store.describe(stored);
  const bytes = store.read(stored);
  const { deleting, id, source, type, version } = scanner.scanEvent(bytes);
  const row: VersionRow = {
    position,
    version: shown(version),
    action: type.action,
    deletion: deleting,
    at: note === undefined ? null : new Date(note.at).toISOString(),
    by: note?.user ?? null,
    source,
    eventId: id,
    bytes: size,
    changes: null,
    damaged: false,
  };
  return { row, payload: eventDataBytes(decodeEvent(bytes)) ?? new Uint8Array(0) };
}

function changesOf(older: Read, newer: Read, secret: boolean): Changes | null {
  if (older.payload === undefined || newer.payload === undefined) return null;
  if (secret) return { kind: 'masked' };
  const json = isSmall(older.payload) && isSmall(newer.payload);
  const [from, to] = json ? [parsed(older.payload), parsed(newer.payload)] : [undefined, undefined];
  if (from !== undefined && to !== undefined) {
    const diff = diffJson(from.value, to.value);
    // Digits beyond a double's, or only white space: the bytes tell.
    if (diff.changed.length > 0 || isSame(older.payload, newer.payload)) return { kind: 'json', ...diff };
  }
  return { kind: 'bytes', from: payloadRow(older.payload), to: payloadRow(newer.payload) };
}

function isSmall(payload: Uint8Array): boolean {
  return payload.byteLength <= MOST_COMPARED_BYTES;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Undefined: it is not JSON. Nothing at all is JSON's null. */
function parsed(payload: Uint8Array): { readonly value: unknown } | undefined {
  if (payload.byteLength === 0) return { value: undefined };
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) };
  } catch {
    return undefined;
  }
}

function payloadRow(payload: Uint8Array): PayloadRow {
  return { bytes: payload.byteLength, sha256: createHash('sha256').update(payload).digest('hex') };
}
