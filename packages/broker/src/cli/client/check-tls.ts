import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';

/** What `--ca`, `--cert` and `--key` name, as it was typed and read. */
export interface TlsFiles {
  readonly ca: { readonly path: string; readonly pem: Buffer };
  readonly cert: { readonly path: string; readonly pem: Buffer } | undefined;
  readonly key: { readonly path: string; readonly pem: Buffer } | undefined;
}

/** Tells what TLS would only say as "handshake failure". Throws `invalid_option` that names the option and its file. */
export function checkTls({ ca, cert, key }: TlsFiles): void {
  readCertificate('--ca', ca.path, ca.pem);
  if (cert === undefined || key === undefined) return;
  const certificate = readCertificate('--cert', cert.path, cert.pem);
  const privateKey = readKey(key.path, key.pem);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw wrong('--key', `--key ${key.path} is not the private key of --cert ${cert.path}`);
  }
}

function readCertificate(option: string, path: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw wrong(
      option,
      `${option}: ${path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`,
      cause,
    );
  }
}

function readKey(path: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw wrong('--key', `--key: ${path} holds no private key in PEM without a passphrase`, cause);
  }
}

function wrong(field: string, message: string, cause?: unknown): CeBrokerError {
  return new CeBrokerError('invalid_option', message, { field, cause });
}
