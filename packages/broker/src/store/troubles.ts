import type { CeBrokerError } from 'ce-broker-proto';
import type { StoreRefusal } from '../state/event-store.js';
import { isLost } from './store-failure.js';

const REFUSE_FOR_MS = 1_000;
const MOST = 20;

/** What is wrong with a store, and what it refuses because of it. */
export class Troubles {
  #refusal: StoreRefusal | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** Why the last group was lost; undefined: it was not. */
  #failure: string | undefined = undefined;
  readonly #damage: string[] = [];
  #lost: CeBrokerError | undefined = undefined;

  /** Somebody else has the directory: nothing is written any more. */
  get lost(): CeBrokerError | undefined {
    return this.#lost;
  }

  /** Why nothing is taken at present. */
  get refusal(): StoreRefusal | undefined {
    return this.#lost === undefined ? this.#refusal : isLost(this.#lost);
  }

  /** For the status page. */
  get list(): readonly string[] {
    return this.#failure === undefined ? this.#damage : [this.#failure, ...this.#damage];
  }

  directoryIsLost(error: CeBrokerError): void {
    this.#lost = error;
  }

  fileIsDamaged(message: string): void {
    if (this.#damage.length < MOST) this.#damage.push(message);
  }

  /** A group was lost: for a while nothing is taken. */
  groupIsLost(refusal: StoreRefusal, whenOver: () => void): void {
    this.#refusal = refusal;
    this.#failure = refusal.message;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#refusal = undefined;
      whenOver();
    }, REFUSE_FOR_MS).unref();
  }

  groupIsCommitted(): void {
    this.#failure = undefined;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
