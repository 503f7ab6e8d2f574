/** What the broker and the clients need of a logger; pino's have this shape: fields first, then the text. */
export interface Logger {
  /** What only a developer reads. */
  debug(fields: object, message: string): void;
  /** What happened as it should. */
  info(fields: object, message: string): void;
  /** What an operator may want to look at. */
  warn(fields: object, message: string): void;
  /** What an operator must look at. */
  error(fields: object, message: string): void;
  /** Whether lines of that level go anywhere; without it, debug lines that cost something are not made. As pino's. */
  isLevelEnabled?(level: 'debug'): boolean;
}

/** Says nothing: the default of the broker as a library. */
export const SILENT: Logger = Object.freeze({
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
});
