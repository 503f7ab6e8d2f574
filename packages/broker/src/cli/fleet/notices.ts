import { grpcCodeOf, type Logger } from 'ce-broker-proto';
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

/** A client's warnings as notices. */
export function clientLogger(notices: Notices): Logger {
  return Object.freeze({
    debug: () => undefined,
    info: () => undefined,
    warn: (fields: object, message: string) => notices.state('client', withCode(fields, message)),
    error: (_: object, message: string) => notices.say(message),
    isLevelEnabled: () => false,
  });
}

function withCode(fields: object, message: string): string {
  const code = 'code' in fields && typeof fields.code === 'string' ? fields.code : undefined;
  const known = code !== undefined && grpcCodeOf(code as Parameters<typeof grpcCodeOf>[0]) !== 2;
  return known ? `${code.toUpperCase()}: ${message}` : message;
}
