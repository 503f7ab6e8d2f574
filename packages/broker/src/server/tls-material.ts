import { createPrivateKey, X509Certificate } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';
import type { RpcTls } from '../rpc/index.js';
import { readOptionFile } from './files.js';
import type { PemSource, TlsOptions } from './options.js';

/**
 * Reads certificate, key and CA, and checks that they are what they are said to be and that the key is the certificate's.
 * Throws `unreadable_file` or `invalid_option`, each with the option and the path.
 */
export function loadTls(tls: TlsOptions, clientCertificate: RpcTls['clientCertificate']): RpcTls {
  const cert = bytesOf(tls.cert, 'tls.cert');
  const key = bytesOf(tls.key, 'tls.key');
  const clientCa = tls.clientCa === undefined ? undefined : bytesOf(tls.clientCa, 'tls.clientCa');
  const certificate = attempt(() => new X509Certificate(cert), tls.cert, 'tls.cert', 'a PEM certificate');
  const privateKey = attempt(
    () => createPrivateKey(Buffer.from(key)),
    tls.key,
    'tls.key',
    'a PEM private key without a passphrase',
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CeBrokerError(
      'invalid_option',
      `${named(tls.key, 'tls.key')} is not the key of ${named(tls.cert, 'tls.cert')}`,
      { field: 'tls.key' },
    );
  }
  if (tls.clientCa !== undefined && clientCa !== undefined) {
    attempt(() => new X509Certificate(clientCa), tls.clientCa, 'tls.clientCa', 'a PEM certificate');
  }
  return { cert, key, clientCa, clientCertificate };
}

/** Paths of those that are files. */
export function tlsPaths(tls: TlsOptions): readonly string[] {
  return [tls.cert, tls.key, tls.clientCa].filter(isPath);
}

function bytesOf(source: PemSource, option: string): Uint8Array {
  if (isPath(source)) return readOptionFile(source, option);
  return typeof source === 'string' ? Buffer.from(source) : source;
}

function isPath(source: PemSource | undefined): source is string {
  return typeof source === 'string' && !source.includes('-----BEGIN');
}

function attempt<T>(parse: () => T, source: PemSource, option: string, wanted: string): T {
  try {
    return parse();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('invalid_option', `${named(source, option)} is not ${wanted}: ${why}`, {
      field: option,
      cause,
    });
  }
}

function named(source: PemSource, option: string): string {
  return isPath(source) ? `${option} (${source})` : option;
}
