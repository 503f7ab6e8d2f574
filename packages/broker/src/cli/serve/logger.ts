import { type Logger, pino, stdTimeFunctions } from 'pino';
import { LogSink } from './log-sink.js';
import type { ServeSettings } from './settings.js';

const STDERR = 2;

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
  const show = format === 'json' ? (line: string) => line : await prettyPrinter(terminal);
  const sink = new LogSink(STDERR, (lost) => {
    const row = {
      level: 'warn',
      time: new Date().toISOString(),
      lost,
      msg: 'log lines could not be written',
    };
    return show(`${JSON.stringify(row)}\n`);
  });
  return pino(options, { write: (line: string) => sink.write(show(line)) });
}

async function prettyPrinter(terminal: boolean): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({
    colorize: terminal && process.env['NO_COLOR'] === undefined,
    translateTime: 'SYS:HH:MM:ss.l',
  });
}
