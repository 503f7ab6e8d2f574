import { CeBrokerError, grpcCodeOf } from 'ce-broker-proto';
import pc from 'picocolors';
import { exitCodeOf } from './exit-codes.js';
import { visibleLines } from './visible.js';

/** Tells the user on stderr what went wrong, and gives the exit code. The stack is for those who ask for it. */
export function reportError(thrown: unknown, debug: boolean): number {
  const error = CeBrokerError.from(thrown);
  process.stderr.write(
    `${pc.createColors(pc.isColorSupported && process.stderr.isTTY === true).red('ce-broker:')} ${describeError(error)}\n`,
  );
  if (debug) process.stderr.write(`${stackOf(error)}\n`);
  return exitCodeOf(error);
}

/** The message, behind the gRPC code where it has one. */
export function describeError(error: CeBrokerError): string {
  const isLocal = grpcCodeOf(error.code) === 2;
  const message = visibleLines(error.message);
  return isLocal ? message : `${error.code.toUpperCase()}: ${message}`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}
