import { isIPv4, isIPv6 } from 'node:net';
import { CeBrokerError } from 'ce-broker-proto';

/** A place to listen on, or one that is listened on. */
export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Reads `host:port`, `[v6]:port` or `:port` (all IPv4 addresses). Throws `invalid_option` that names the option. */
export function parseAddress(text: string, option: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new CeBrokerError(
      'invalid_option',
      `${option} is ${JSON.stringify(text)}: it must be HOST:PORT with a port from 0 (any free one) to 65535, for example 127.0.0.1:8090 or [::1]:8090`,
      { field: option },
    );
  }
  const v6 = match[1];
  if (v6 !== undefined && !isIPv6(v6)) {
    throw new CeBrokerError(
      'invalid_option',
      `${option} is ${JSON.stringify(text)}: ${v6} is not an IPv6 address`,
      {
        field: option,
      },
    );
  }
  const host = v6 ?? match[2] ?? '';
  return Object.freeze({ host: host === '' ? '0.0.0.0' : host, port });
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Only this machine can reach it. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.');
  if (isIPv6(host)) return /^(0*:)*0*1$/.test(host) || host.toLowerCase().startsWith('::ffff:127.');
  return host === 'localhost' || host.endsWith('.localhost');
}
