/** A development CA and a server certificate for 127.0.0.1, made by `ce-broker certs`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../../broker/bin/ce-broker.mjs', import.meta.url));

/** The files in a new folder, which the caller removes, and the PEM of the CA. */
export function makeCertificates() {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-bench-'));
  const made = spawnSync(process.execPath, [bin, 'certs', folder], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`ce-broker certs failed:\n${made.stderr}`);
  return {
    folder,
    certFile: join(folder, 'server.crt'),
    keyFile: join(folder, 'server.key'),
    ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
  };
}
