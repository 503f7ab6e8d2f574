import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CeBrokerError } from 'ce-broker-proto';
import { type GrpcOptionNames, type GrpcOptions, optionNames } from './grpc-options.js';
import { isGiven, optionProblems } from './option-problems.js';

/** What a connection is opened with, read and checked. */
export interface Credentials {
  /** Plain text without it. */
  readonly tls: TlsCredentials | undefined;
  readonly token: string | undefined;
}

export interface TlsCredentials {
  readonly ca: Buffer;
  readonly client: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

/**
 * Reads what the options name. Rejects with `unreadable_file` or `invalid_option`, naming the option and the file: what TLS would
 * only call a handshake failure.
 */
export async function readCredentials(options: GrpcOptions): Promise<Credentials> {
  const problems = optionProblems(options);
  if (problems[0] !== undefined) {
    const message = problems.map((problem) => problem.message).join('; ');
    throw new CeBrokerError('invalid_option', message, { field: problems[0].field });
  }
  const names = optionNames(options);
  // One after the other: of several that cannot be read, it is always the same one that is named.
  const ca = await content(names.ca, options.caFile, options.caData);
  const cert = await content(names.clientCert, options.clientCertFile, options.clientCertData);
  const key = await content(names.clientKey, options.clientKeyFile, options.clientKeyData);
  const token = await content(names.token, options.tokenFile, options.token);
  if (ca !== undefined) checkCertificates(ca, names.ca);
  const client = cert === undefined || key === undefined ? undefined : checkPair(cert, key, names);
  return {
    tls: ca === undefined ? undefined : { ca: pem(ca.bytes), client },
    token: token === undefined ? undefined : checkToken(token, names.token),
  };
}

interface Content {
  /** Names it in messages: `caFile /etc/ca.pem`, or `caData`. */
  readonly where: string;
  readonly bytes: Buffer;
}

async function content(
  name: string,
  path: string | undefined,
  data: string | Uint8Array | undefined,
): Promise<Content | undefined> {
  if (isGiven(path) && path !== undefined) {
    try {
      return { where: `${name} ${path}`, bytes: await readFile(path) };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CeBrokerError('unreadable_file', `${name}: cannot read ${path}: ${reason}`, {
        field: name,
        cause,
      });
    }
  }
  if (data === undefined || data === '') return undefined;
  return { where: name, bytes: typeof data === 'string' ? Buffer.from(data) : Buffer.from(data) };
}

/** PEM as it is; base64 of PEM, as configuration files hold it, decoded. */
function pem(bytes: Buffer): Buffer {
  if (bytes.includes('-----BEGIN ')) return bytes;
  const decoded = Buffer.from(bytes.toString('latin1'), 'base64');
  return decoded.includes('-----BEGIN ') ? decoded : bytes;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function checkCertificates(given: Content, name: string): X509Certificate {
  const blocks = pem(given.bytes).toString('latin1').match(CERTIFICATE) ?? [];
  try {
    const [first] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined) return first;
  } catch (cause) {
    throw wrong(name, `${given.where} holds a certificate that cannot be read`, cause);
  }
  throw wrong(name, `${given.where} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`);
}

function checkPair(cert: Content, key: Content, names: GrpcOptionNames): TlsCredentials['client'] {
  const certificate = checkCertificates(cert, names.clientCert);
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(pem(key.bytes));
  } catch (cause) {
    throw wrong(names.clientKey, `${key.where} holds no private key in PEM without a passphrase`, cause);
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw wrong(names.clientKey, `${key.where} is not the private key of ${cert.where}`);
  }
  return { cert: pem(cert.bytes), key: pem(key.bytes) };
}

function checkToken(given: Content, name: string): string {
  const token = given.bytes.toString('utf8').trim();
  if (token === '' || /[^\x21-\x7e]/.test(token)) {
    throw wrong(name, `${given.where} must hold one token, and nothing else`);
  }
  return token;
}

function wrong(field: string, message: string, cause?: unknown): CeBrokerError {
  return new CeBrokerError('invalid_option', message, { field, cause });
}
