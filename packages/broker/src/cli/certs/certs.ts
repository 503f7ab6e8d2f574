import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CeBrokerError } from 'ce-broker-proto';
import { ExitCode } from '../exit-codes.js';
import { readCount } from '../values.js';
import { makeDevCertificates } from './dev-certificates.js';

export interface CertsFlags {
  readonly host: readonly string[];
  readonly user: string;
  readonly group: readonly string[];
  readonly days: string;
  readonly force?: boolean;
}

/** Every server certificate is valid for these. */
const ALWAYS = ['localhost', '127.0.0.1', '::1'];
/** The private keys: nobody but their owner may read them. */
const KEY_MODE = 0o600;

/** Writes the development CA and what it signed into a folder. */
export async function certs(folder: string, flags: CertsFlags): Promise<number> {
  const days = readCount('--days', flags.days, 1, 3_650);
  const made = await makeDevCertificates({
    hosts: [...ALWAYS, ...flags.host],
    user: flags.user,
    groups: flags.group,
    days,
  });
  const files = Object.entries(made).map(([name, text]) => ({ path: join(folder, name), name, text }));
  const there = files.filter(({ path }) => existsSync(path)).map(({ name }) => name);
  if (there.length > 0 && flags.force !== true) {
    throw new CeBrokerError(
      'invalid_option',
      `${folder} holds ${there.join(', ')} already; --force replaces them`,
    );
  }
  try {
    makeFolder(folder);
    for (const { path, name, text } of files) writeNew(path, text, name.endsWith('.key') ? KEY_MODE : 0o644);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('unknown', `cannot write the certificates into ${folder}: ${reason}`, { cause });
  }
  for (const { path } of files) process.stdout.write(`${path}\n`);
  return ExitCode.ok;
}

/** As mkdir -p. `mkdirSync` with `recursive` never returns where the system says of a parent that is there that it is not (/proc). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  mkdirSync(folder);
}

/** A file of its own, moved into place: a replaced key never has the mode, or half the content, of the old one. */
function writeNew(path: string, text: string, mode: number): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, text, { flag: 'wx', mode });
  renameSync(fresh, path);
}
