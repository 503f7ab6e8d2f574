import { type Logger, SILENT } from 'ce-broker-proto';

/** Where the clients log without a logger of the caller's: warnings and errors, one line each on stderr. */
export const CONSOLE_LOGGER: Logger = Object.freeze({
  debug: SILENT.debug,
  info: SILENT.info,
  warn: (fields: object, message: string) => console.warn(lineOf(fields, message)),
  error: (fields: object, message: string) => console.error(lineOf(fields, message)),
});

function lineOf(fields: object, message: string): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`);
  return [`ce-broker-client: ${message}`, ...shown].join(' ');
}
