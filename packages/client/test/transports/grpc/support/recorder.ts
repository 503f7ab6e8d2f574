import type { CeBrokerError, TransportListener } from 'ce-broker-proto';

/** A listener that keeps what it hears, and lets a test wait for it. */
export class Recorder implements TransportListener {
  readonly events: Uint8Array[] = [];
  readonly ends: (CeBrokerError | undefined)[] = [];
  private readonly waiting: { done: () => boolean; resolve: () => void }[] = [];

  event(event: Uint8Array): void {
    if (this.ends.length > 0) throw new Error('an event after closed');
    this.events.push(event);
    this.look();
  }

  closed(error: CeBrokerError | undefined): void {
    this.ends.push(error);
    this.look();
  }

  async received(count: number): Promise<void> {
    await this.until(() => this.events.length >= count);
  }

  /** How it ended. */
  async ended(): Promise<CeBrokerError | undefined> {
    await this.until(() => this.ends.length > 0);
    return this.ends[0];
  }

  private until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ done, resolve }));
  }

  private look(): void {
    for (const { done, resolve } of this.waiting) if (done()) resolve();
  }
}
