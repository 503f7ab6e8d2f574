import { CeBrokerError } from 'ce-broker-proto';
import type { RpcListenAddress } from './engine.js';

/** The one place where the engines make the error for an address that cannot be listened on. */
export function listenError(address: RpcListenAddress, cause: unknown): CeBrokerError {
  const where = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  const errno = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return new CeBrokerError(
    errno === 'EADDRINUSE' ? 'address_in_use' : 'invalid_option',
    `cannot listen on ${where}: ${reason(errno, cause)}`,
    { field: 'listen', cause },
  );
}

function reason(errno: unknown, cause: unknown): string {
  switch (errno) {
    case 'EADDRINUSE':
      return 'the address is already in use; stop the program that uses it, or choose another port (0 takes any free one)';
    case 'EACCES':
      return 'permission denied; ports below 1024 need privileges: choose a higher port, or grant CAP_NET_BIND_SERVICE';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address; use one of its own, 127.0.0.1 for local clients or 0.0.0.0 for all';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name cannot be resolved; check its spelling, or use an IP address';
    case 'ERR_SOCKET_BAD_PORT':
      return 'the port must be a whole number from 0 to 65535';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
