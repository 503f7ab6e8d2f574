/** How far the publishing of many events is; drawn on a terminal only, several times a second at most. */
export class Progress {
  refused = 0;
  private done = 0;
  private drawnAt = 0;
  private readonly terminal: boolean;

  constructor(terminal: boolean) {
    this.terminal = terminal;
  }

  published(): void {
    this.done++;
    const now = performance.now();
    if (!this.terminal || now - this.drawnAt < 100) return;
    this.drawnAt = now;
    process.stderr.write(`\r${this.line()}`);
  }

  /** A line of its own, above the progress. */
  tell(message: string): void {
    process.stderr.write(`${this.terminal ? '\r\u001b[K' : ''}${message}\n`);
  }

  end(): void {
    if (this.terminal) process.stderr.write(`\r\u001b[K${this.line()}\n`);
    else if (this.refused > 0) process.stderr.write(`${this.line()}\n`);
  }

  private line(): string {
    return `${this.done} published${this.refused > 0 ? `, ${this.refused} failed` : ''}`;
  }
}
