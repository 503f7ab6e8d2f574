import { randomUUID } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';
import type { Database } from 'lmdb';
import { FORMAT, seal, unseal } from './layout.js';

/** How far the store has come; written with every group. */
export interface Progress {
  readonly epoch: string;
  /** Number of the newest group in the journal, and of the newest that is settled. */
  readonly group: number;
  readonly settled: number;
  /** The broker's position. */
  readonly position: number;
  /** The number that the next partition gets. */
  readonly nextPlace: number;
  readonly keptBytes: number;
}

const PROGRESS = Buffer.from('progress');
const FORMAT_KEY = Buffer.from('format');

/** What was written last; a new store begins with an epoch of its own. Throws `data_loss` when it is damaged. */
export function readProgress(meta: Database<Buffer, Buffer>): Progress {
  const sealed = meta.get(PROGRESS);
  if (sealed === undefined)
    return { epoch: randomUUID(), group: 0, settled: 0, position: 0, nextPlace: 1, keptBytes: 0 };
  const record = unseal(PROGRESS, sealed);
  if (record === undefined)
    throw new CeBrokerError('data_loss', 'the record of how far the store has come is damaged');
  return JSON.parse(record.toString()) as Progress;
}

/** Resolves once it is on disk; inside of a batch, the batch says when. */
export function writeProgress(meta: Database<Buffer, Buffer>, progress: Progress): Promise<unknown> {
  return meta.put(PROGRESS, seal(PROGRESS, Buffer.from(JSON.stringify(progress))));
}

/** The format of the files; undefined: they are new. */
export function readFormat(meta: Database<Buffer, Buffer>): number | undefined {
  const value = meta.get(FORMAT_KEY);
  return value === undefined ? undefined : value.readUInt32LE(0);
}

export async function writeFormat(meta: Database<Buffer, Buffer>, format = FORMAT): Promise<void> {
  const value = Buffer.alloc(4);
  value.writeUInt32LE(format, 0);
  await meta.put(FORMAT_KEY, value);
}
