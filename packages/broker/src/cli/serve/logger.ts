import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import type { ServeSettings } from './settings.js';

/** Logs to stderr: lines for a reader, or JSON for a collector. What could hold a secret is never written out. */
export async function createLogger(settings: ServeSettings, terminal: boolean): Promise<Logger> {
  const format = settings.logFormat ?? (terminal ? 'pretty' : 'json');
  const options = {
    level: settings.logLevel ?? 'info',
    // Neither the process id nor the host name: who collects logs adds them.
    base: null,
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: stdTimeFunctions.isoTime,
    redact: ['token', '*.token', 'authorization', '*.authorization', 'metadata.authorization'],
  };
  if (format === 'json') return pino(options, pino.destination({ dest: 2, sync: true }));
  return pino(options, await prettyStream(terminal));
}

async function prettyStream(terminal: boolean): Promise<DestinationStream> {
  // In this thread: a worker would cost start-up time, and lose the last lines at exit.
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    destination: 2,
    sync: true,
    colorize: terminal && process.env['NO_COLOR'] === undefined,
    translateTime: 'SYS:HH:MM:ss.l',
  });
}
