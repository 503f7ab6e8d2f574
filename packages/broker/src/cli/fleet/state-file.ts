import { readFileSync } from 'node:fs';
import { CeBrokerError } from 'ce-broker-proto';
import type { z } from 'zod';
import { writeAtomically } from './atomic-write.js';

/**
 * Reads a state file. Undefined when there is none; throws `invalid_config`, naming it, when it is damaged: what it held must not be
 * guessed.
 * @param without what it means to go on without it, for the message
 */
export function readStateFile<T>(path: string, schema: z.ZodType<T>, without: string): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') || hasCode(cause, 'ENOTDIR')) return undefined;
    throw new CeBrokerError('unreadable_file', `cannot read the state file ${path}: ${messageOf(cause)}`, {
      field: '--state',
      cause,
    });
  }
  const damaged = (why: string, cause?: unknown) =>
    new CeBrokerError(
      'invalid_config',
      `the state file ${path} is damaged (${why}): restore it from a backup, or remove it; ${without}`,
      { field: '--state', cause },
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged(text.trim() === '' ? 'it is empty' : `no JSON: ${messageOf(cause)}`, cause);
  }
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw damaged(`${issue?.path.join('.') || 'its content'}: ${issue?.message ?? 'is wrong'}`);
}

/** Writes a state file: at most one write at a time, each with the newest state, each whole or not at all. */
export class StateWriter {
  readonly #path: string;
  readonly #render: () => string;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #soon: NodeJS.Timeout | undefined;

  /** @param render the state as text, at the moment of the write */
  constructor(path: string, render: () => string) {
    this.#path = path;
    this.#render = render;
  }

  /** Resolves once the state of this moment, or a later one, is on disk. Rejects when it cannot be written. */
  save(): Promise<void> {
    if (this.#soon !== undefined) clearTimeout(this.#soon);
    this.#soon = undefined;
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  /** For what would be found out again: written within the delay, and a failure is told to `failed`. */
  saveSoon(delayMs: number, failed: (error: unknown) => void): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.save().catch(failed);
    }, delayMs);
  }

  /** Gives up a write that was put off. */
  cancel(): void {
    if (this.#soon !== undefined) clearTimeout(this.#soon);
    this.#soon = undefined;
  }

  #start(): Promise<void> {
    this.#next = undefined;
    const running = writeAtomically(this.#path, this.#render(), 0o600)
      .catch((cause: unknown) => {
        const message = `the state file ${this.#path} cannot be written: ${messageOf(cause)}`;
        throw new CeBrokerError('internal', message, { field: '--state', cause });
      })
      .finally(() => {
        if (this.#running === running) this.#running = undefined;
      });
    this.#running = running;
    return running;
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
