import { isIP } from 'node:net';
import { CeBrokerError } from 'ce-broker-proto';

/** Where to connect to. */
export interface Target {
  /** As gRPC takes it. */
  readonly grpc: string;
  /** The host whose certificate is expected; `localhost` for a socket in the file system. */
  readonly host: string;
  /** 0 for such a socket. */
  readonly port: number;
  /** On this machine: never through a proxy. */
  readonly local: boolean;
}

/** Reads a `url`, which may be anything in JavaScript. Throws `invalid_option` that names it as `name`. */
export function parseTarget(url: unknown, name: string): Target {
  if (url === undefined || url === null) {
    throw new CeBrokerError('invalid_option', `${name} is required: HOST:PORT of the server's gRPC port`, {
      field: name,
    });
  }
  if (typeof url !== 'string') {
    throw new CeBrokerError('invalid_option', `${name} must be text, not of type ${typeof url}: HOST:PORT`, {
      field: name,
    });
  }
  if (/^unix:/.test(url)) return { grpc: url, host: 'localhost', port: 0, local: true };
  const [, prefix = '', rest = ''] = /^(dns:(?:\/\/[^/]*\/)?)?(.*)$/s.exec(url) ?? [];
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/\s[\]]+))(?::(\d{1,5}))?$/.exec(rest);
  const port = match?.[3] === undefined ? 443 : Number(match[3]);
  const host = match?.[1] ?? match?.[2];
  // Only who asks for DNS by name gets gRPC's own port.
  const portless = match !== null && match[3] === undefined && prefix === '';
  if (host === undefined || portless || port < 1 || port > 65_535) {
    const what = portless ? 'has no port' : 'is no address';
    throw new CeBrokerError(
      'invalid_option',
      `${name}: ${JSON.stringify(url)} ${what}: it must be HOST:PORT, for example 127.0.0.1:8090 or [::1]:8090${hint(rest)}`,
      { field: name },
    );
  }
  return { grpc: prefix + rest, host, port, local: isThisMachine(host) };
}

function hint(url: string): string {
  return /^[a-z]+:\/\//i.test(url) ? ' (without a scheme: a CA makes it TLS)' : '';
}

/** Whether that host is this machine, whatever names say. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
