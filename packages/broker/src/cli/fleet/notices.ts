import { visible } from '../visible.js';

/** What a long-running command says beside its output; the same is not said twice in a row. */
export class Notices {
  readonly #write: (line: string) => void;
  readonly #said = new Map<string, string>();

  /** @param write takes one line, without its break */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  say(text: string): void {
    this.#write(`ce-broker: ${visible(text)}`);
  }

  /** Something that lasts: said when it begins, or is another, under its key. */
  state(key: string, text: string): void {
    if (this.#said.get(key) === text) return;
    this.#said.set(key, text);
    this.say(text);
  }

  /** It is over. Gives whether it was said. */
  over(key: string): boolean {
    return this.#said.delete(key);
  }

  /** Everything under keys that begin so and are not among those is over. */
  overExcept(prefix: string, lasting: ReadonlySet<string>): void {
    for (const key of this.#said.keys()) {
      if (key.startsWith(prefix) && !lasting.has(key)) this.#said.delete(key);
    }
  }
}
