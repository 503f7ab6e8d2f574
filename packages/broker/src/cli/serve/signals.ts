import { ExitCode } from '../exit-codes.js';

/** Resolves with the first SIGTERM, SIGINT or SIGHUP. The next one ends the process at once. */
export function waitForSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('SIGHUP', onSignal);
      process.on('SIGTERM', () => process.exit(ExitCode.terminated));
      process.on('SIGINT', () => process.exit(ExitCode.interrupted));
      process.on('SIGHUP', () => process.exit(ExitCode.hungUp));
      resolve(signal);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', onSignal);
  });
}
