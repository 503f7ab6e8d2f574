import { createHash } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';
import { z } from 'zod';
import type { FileStatus, Report } from './file-resource.js';

const commandReport = z.object({
  exitCode: z.number().int().nullable(),
  signal: z.string().optional(),
  timedOut: z.literal(true).optional(),
  timeoutMs: z.number().int().positive().optional(),
  durationMs: z.number(),
  output: z.array(z.string()),
});

/** Keys that are not known are let through: a later agent may say more. */
export const fileStatusSchema = z.object({
  state: z.enum(['applied', 'failed', 'refused', 'deleted', 'pending']),
  action: z.enum(['ADDED', 'MODIFIED', 'DELETED']),
  contentHash: z.string().optional(),
  deleted: z.literal(true).optional(),
  error: z.string().optional(),
  command: commandReport.optional(),
  instance: z.string().max(64).optional(),
  time: z.string(),
});

/** The status as the bytes of an event. */
export function statusToJson(status: FileStatus): string {
  return JSON.stringify(status);
}

/** Throws `invalid_argument`. */
export function statusFromJson(text: string): FileStatus {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CeBrokerError('invalid_argument', 'the data of a status must be JSON', {
      field: 'data',
      cause,
    });
  }
  const read = fileStatusSchema.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const field = ['data', ...(issue?.path ?? [])].join('.');
  throw new CeBrokerError('invalid_argument', `${field} of a status: ${issue?.message ?? 'is wrong'}`, {
    field,
  });
}

/** A status together with its place in the order of this agent's statuses. */
export function reportOf(status: FileStatus, version: string, sequenceId: string): Report {
  return {
    status,
    version,
    sequenceId,
    hash: createHash('sha256').update(statusToJson(status)).digest('hex'),
  };
}

const SNOWFLAKE_EPOCH_MS = 1_288_834_974_657n;

/**
 * The `sequenceid` behind `last`, as Go agents write them (snowflakes: milliseconds, node, step). It only grows, also when the clock
 * goes back over a restart.
 */
export function sequenceAfter(last: string, now: number): string {
  const fromClock = (BigInt(now) - SNOWFLAKE_EPOCH_MS) << 22n;
  const before = /^\d{1,19}$/.test(last) ? BigInt(last) : 0n;
  return String(fromClock > before ? fromClock : before + 1n);
}
