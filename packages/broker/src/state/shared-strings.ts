/** Strangers choose the texts: of more than this, and of longer ones, each has its own copy. */
const MOST = 1_000;
const LONGEST = 512;

/**
 * Texts that many keep and compare, such as data types, each as one string: thousands of sessions share it, and two that are the same object
 * are equal at a glance.
 */
export class SharedStrings {
  readonly #known = new Map<string, string>();

  /** The same text, as the one string where it is known. */
  of(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST || text.length > LONGEST) return text;
    // A part of a text keeps all of that alive.
    const own = Buffer.from(text).toString();
    this.#known.set(own, own);
    return own === text ? own : text;
  }
}
