import { CeBrokerError, type Logger, SILENT } from 'ce-broker-proto';

/** Where the clients log without a logger of the caller's: warnings and errors, one line each on stderr, an error's stack below it. */
export const CONSOLE_LOGGER: Logger = Object.freeze({
  debug: SILENT.debug,
  info: SILENT.info,
  warn: (fields: object, message: string) => console.warn(lineOf(fields, message)),
  error: (fields: object, message: string) =>
    console.error([lineOf(fields, message), ...framesOf(fields)].join('\n')),
});

function lineOf(fields: object, message: string): string {
  const shown = Object.entries(fields)
    .map(([name, value]) => [name, value instanceof Error ? newsOf(value, message) : value])
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${String(value)}`);
  return [`ce-broker-client: ${message}`, ...shown].join(' ');
}

/** What the line does not say already: its message, or the class that was thrown. */
function newsOf(error: Error, message: string): string | undefined {
  if (!message.includes(error.message)) return error.message;
  const { name } = thrownIn(error) ?? error;
  return name === 'Error' || name === 'CeBrokerError' ? undefined : name;
}

function framesOf(fields: object): string[] {
  return Object.values(fields)
    .filter((value) => value instanceof Error)
    .flatMap((error) => thrownIn(error)?.stack?.split('\n') ?? [])
    .filter((line) => /^\s+at /.test(line));
}

/** What the caller's code threw, without what it was put into on the way; undefined for what was no Error, and has no stack. */
function thrownIn(error: Error): Error | undefined {
  const { cause, message } = error;
  if (!(error instanceof CeBrokerError) || cause === undefined) return error;
  if (cause instanceof Error) return cause.message === message ? cause : error;
  return String(cause) === message ? undefined : error;
}
