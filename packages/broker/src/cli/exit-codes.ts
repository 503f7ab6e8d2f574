import type { CeBrokerError } from 'ce-broker-proto';

/** The exit codes of every command (docs/guide/run.md); 128 + N when signal N ended it, as shells have it. */
export const ExitCode = Object.freeze({
  ok: 0,
  /** It was tried, and it failed: an event was refused, a port is taken, a file cannot be written. */
  failed: 1,
  /** It was not tried: an option, a configuration file or an input file is wrong. */
  usage: 2,
  /** The server cannot be reached, or did not answer in time. */
  unreachable: 3,
  /** The server ended the subscription before `sub` had what it was asked for. */
  ended: 4,
  /** The server wants other credentials: UNAUTHENTICATED or PERMISSION_DENIED. */
  denied: 5,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
});

export function exitCodeOf(error: CeBrokerError): number {
  switch (error.code) {
    case 'invalid_option':
    case 'invalid_config':
    case 'unreadable_file':
      return ExitCode.usage;
    case 'unavailable':
    case 'deadline_exceeded':
      return ExitCode.unreachable;
    case 'unauthenticated':
    case 'permission_denied':
      return ExitCode.denied;
    default:
      return ExitCode.failed;
  }
}
