import { writeSync } from 'node:fs';

/** What waits for a slow reader of the log, in characters; more is dropped. */
const MAX_WAITING = 1024 * 1024;
const RETRY_MS = 50;

/**
 * Where log lines go. A log that cannot be written (a full disk, a reader that is gone) never stops the broker: lines are
 * dropped, and counted in the first one that can be written again.
 */
export class LogSink {
  private readonly fd: number;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private lost = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly lossLine: (lost: number) => string;

  /** @param lossLine the line, with its break, that tells how many lines are missing */
  constructor(fd: number, lossLine: (lost: number) => string) {
    this.fd = fd;
    this.lossLine = lossLine;
  }

  /** Takes one line with its break. */
  write(line: string): void {
    this.flush();
    if (this.waitingBytes > MAX_WAITING) {
      this.lost++;
      return;
    }
    this.push(line);
    this.flush();
  }

  /** Writes what can be written now. */
  flush(): void {
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.timer = undefined;
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      try {
        const written = writeSync(this.fd, next);
        this.waitingBytes -= written;
        if (written < next.length) this.waiting[0] = next.subarray(written);
        else this.waiting.shift();
      } catch (error) {
        if (isBusy(error)) this.retryLater();
        else this.drop();
        return;
      }
    }
    if (this.lost > 0) this.tellLoss();
  }

  private tellLoss(): void {
    const line = this.lossLine(this.lost);
    const lost = this.lost;
    this.lost = 0;
    this.push(line);
    this.flush();
    // The line about the loss is not a lost line itself.
    if (this.lost > 0) this.lost = lost;
  }

  private push(line: string): void {
    const bytes = Buffer.from(line);
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
  }

  private drop(): void {
    this.lost += this.waiting.length;
    this.waiting = [];
    this.waitingBytes = 0;
  }

  private retryLater(): void {
    this.timer = setTimeout(() => this.flush(), RETRY_MS).unref();
  }
}

/** The reader of a pipe is slow. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
