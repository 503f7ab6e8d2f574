import { CommanderError } from 'commander';
import { ExitCode } from './exit-codes.js';
import { createProgram } from './program.js';
import { reportError } from './report-error.js';

/**
 * Runs one command line and gives its exit code; writes to stdout and stderr of this process.
 * @param args what stands behind `ce-broker`, for example `['sub', '--cluster', 'c1']`
 */
export async function main(args: readonly string[]): Promise<number> {
  endWithTheReader();
  let code: number = ExitCode.ok;
  const program = createProgram((result) => {
    code = result;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    // commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    return reportError(error, wantsDebug(args));
  }
}

function wantsDebug(args: readonly string[]): boolean {
  const at = args.indexOf('--log-level');
  const flag =
    at >= 0 ? args[at + 1] : args.find((arg) => arg.startsWith('--log-level='))?.slice('--log-level='.length);
  return (flag ?? process.env['CE_BROKER_LOG_LEVEL']) === 'debug';
}

/** `ce-broker sub | head -1`: a reader that has enough is no failure; a disk that is full is one. */
function endWithTheReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(ExitCode.ok);
    process.stderr.write(`ce-broker: cannot write to stdout: ${error.message}\n`);
    process.exit(ExitCode.failed);
  });
  // Nobody is left to tell.
  process.stderr.on('error', () => undefined);
}
