import type { Logger } from 'ce-broker-proto';

/** A logger whose failures end nothing but the line. */
export function safeLogger(logger: Logger): Logger {
  return {
    debug: (fields, message) => quietly(() => logger.debug(fields, message)),
    info: (fields, message) => quietly(() => logger.info(fields, message)),
    warn: (fields, message) => quietly(() => logger.warn(fields, message)),
    error: (fields, message) => quietly(() => logger.error(fields, message)),
  };
}

function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // Where would it be told?
  }
}
