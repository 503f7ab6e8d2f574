import { readFileSync } from 'node:fs';
import { CeBrokerError } from 'ce-broker-proto';
import { Option } from 'commander';
import { wrongValue } from '../values.js';
import { checkTls } from './check-tls.js';

/** TLS and the token, as every command takes them. */
export interface CredentialFlags {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly tokenFile?: string;
}

/** The flags of every command that connects to a server. */
export interface ConnectionFlags extends CredentialFlags {
  readonly server: string;
}

export const DEFAULT_SERVER = '127.0.0.1:8090';

export function connectionOptions(): Option[] {
  return [
    new Option('--server <HOST:PORT>', 'the gRPC server').default(DEFAULT_SERVER),
    ...credentialOptions(),
  ];
}

/** The same on every command: TLS and the token. */
export function credentialOptions(): Option[] {
  return [
    new Option('--ca <FILE>', "PEM of the CA that signed the server's certificate; with it TLS is spoken"),
    new Option('--cert <FILE>', 'PEM of a client certificate (mTLS)'),
    new Option('--key <FILE>', 'PEM of its private key'),
    new Option('--token-file <FILE>', 'bearer token, the whole content of the file'),
  ];
}

/** What the credential flags name, read. */
export interface Credentials {
  /** Plain text without it. */
  readonly tls:
    | { readonly ca: Buffer; readonly cert: Buffer | undefined; readonly key: Buffer | undefined }
    | undefined;
  readonly token: string | undefined;
}

/** Where to connect and with what, files read and checked. */
export interface ConnectionSettings extends Credentials {
  readonly server: string;
  readonly host: string;
  readonly port: number;
}

/** Throws `invalid_option` for flags that do not fit together, `unreadable_file` for a file that cannot be read. */
export function connectionSettings(flags: ConnectionFlags): ConnectionSettings {
  const { host, port } = splitServer(flags.server);
  return { server: flags.server, host, port, ...readCredentials(flags, host, flags.ca !== undefined) };
}

/** As {@link connectionSettings}, for a host; `encrypted`: TLS is spoken with it. */
export function readCredentials(flags: CredentialFlags, host: string, encrypted: boolean): Credentials {
  const { ca, cert, key, tokenFile } = flags;
  const missing = (flag: string, given: string) =>
    new CeBrokerError('invalid_option', `${flag} is missing: ${given} needs it beside it`, { field: flag });
  if (cert !== undefined && key === undefined) throw missing('--key', '--cert');
  if (key !== undefined && cert === undefined) throw missing('--cert', '--key');
  if (cert !== undefined && ca === undefined) throw missing('--ca', '--cert');
  if (tokenFile !== undefined && !encrypted && !isThisMachine(host)) {
    throw new CeBrokerError(
      'invalid_option',
      `without TLS the token would cross the network to ${host} in plain text: use TLS (--ca)`,
      { field: '--token-file' },
    );
  }
  return {
    tls: ca === undefined ? undefined : readTls(ca, cert, key),
    token: tokenFile === undefined ? undefined : readToken(tokenFile),
  };
}

function readTls(ca: string, cert: string | undefined, key: string | undefined): Credentials['tls'] {
  const read = (option: string, path: string) => ({ path, pem: readFile(option, path) });
  const files = {
    ca: read('--ca', ca),
    cert: cert === undefined ? undefined : read('--cert', cert),
    key: key === undefined ? undefined : read('--key', key),
  };
  checkTls(files);
  return { ca: files.ca.pem, cert: files.cert?.pem, key: files.key?.pem };
}

function splitServer(server: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:/\s]+)):(\d{1,5})$/.exec(server);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    throw wrongValue('--server', server, 'HOST:PORT, for example 127.0.0.1:8090 or [::1]:8090');
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function readToken(path: string): string {
  // A line break at the end comes from an editor, not from the token.
  const token = readFile('--token-file', path).toString('utf8').trim();
  if (token === '' || /[^\x21-\x7e]/.test(token)) {
    throw new CeBrokerError('invalid_option', `--token-file ${path} must hold one token, and nothing else`, {
      field: '--token-file',
    });
  }
  return token;
}

/** The content of a file that an option names. Throws `unreadable_file` that names the option. */
export function readFile(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('unreadable_file', `${option}: cannot read ${path}: ${reason}`, {
      field: option,
      cause,
    });
  }
}
