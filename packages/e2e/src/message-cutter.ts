const PREFIX = 5;

/** Cuts a stream of bytes into gRPC messages. */
export class MessageCutter {
  /** Size of the message that was over the limit. */
  tooLarge: number | undefined;
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted = PREFIX;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when a message is over the limit. */
  push(chunk: Buffer, message: (bytes: Buffer) => void): boolean {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return true;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    this.#wanted = PREFIX;
    while (bytes.length - at >= PREFIX) {
      const length = bytes.readUInt32BE(at + 1);
      if (length > this.#limit) {
        this.tooLarge = length;
        return false;
      }
      if (bytes.length - at < PREFIX + length) {
        this.#wanted = PREFIX + length;
        break;
      }
      message(bytes.subarray(at + PREFIX, at + PREFIX + length));
      at += PREFIX + length;
    }
    this.#chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#held = bytes.length - at;
    return true;
  }
}
