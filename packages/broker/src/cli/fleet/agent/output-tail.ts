/** Keeps the end of what a command writes, however much that is. */
export class OutputTail {
  readonly #maxBytes: number;
  readonly #maxLines: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #cut = false;

  /** @param maxBytes of text; @param maxLines of them */
  constructor(maxBytes: number, maxLines: number) {
    this.#maxBytes = maxBytes;
    this.#maxLines = maxLines;
  }

  add(chunk: Buffer): void {
    // One byte more than is shown tells whether the first line is whole.
    const most = this.#maxBytes + 1;
    const piece = chunk.length > most ? Buffer.from(chunk.subarray(chunk.length - most)) : chunk;
    if (piece !== chunk) this.#cut = true;
    this.#chunks.push(piece);
    this.#bytes += piece.length;
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      if (this.#bytes - first.length < most) break;
      this.#chunks.shift();
      this.#bytes -= first.length;
      this.#cut = true;
    }
    // Many small writes must not become many small buffers.
    if (this.#chunks.length > 64) this.#chunks = [Buffer.concat(this.#chunks)];
  }

  /** The last lines, without their breaks; the first begins with an ellipsis when its beginning is missing. */
  lines(): string[] {
    const all = Buffer.concat(this.#chunks);
    const cut = this.#cut || all.length > this.#maxBytes;
    let tail = all.length > this.#maxBytes ? all.subarray(all.length - this.#maxBytes) : all;
    // Not in the middle of a character.
    let start = 0;
    while (cut && start < 4 && start < tail.length && ((tail[start] ?? 0) & 0xc0) === 0x80) start++;
    tail = tail.subarray(start);
    const lines = tail.toString('utf8').split(/\r\n|\n|\r/);
    if (lines.at(-1) === '') lines.pop();
    if (cut && lines[0] !== undefined) lines[0] = `…${lines[0]}`;
    return lines.slice(-this.#maxLines);
  }
}
