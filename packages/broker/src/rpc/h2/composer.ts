import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

const SCRATCH_BYTES = 256 * 1024;
/** Buffers from here on are sent as they are; smaller ones are copied together. */
const COPY_BELOW_BYTES = 8 * 1024;
/** Shorter runs that have to wait are copied, so that they do not hold the scratch buffer. */
const OWN_BELOW_BYTES = 16 * 1024;

/**
 * Puts together all that a connection is owed in one turn and hands it to the socket as one write. There is one for all connections
 * of an engine: it is empty between them.
 *
 * Small frames are written into a scratch buffer. The part that a socket could not take at once belongs to the socket from then on; the
 * rest of the buffer, or all of it when everything has left, serves the next connection.
 */
export class Composer {
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  /** Where in the scratch buffer the present run of small frames begins, and where it ends. */
  #from = 0;
  #at = 0;
  /** What is before this belongs to sockets that have not sent it yet. */
  #free = 0;
  /** The socket that is written to holds a part of the scratch buffer. */
  #keptScratch = false;
  #parts: Buffer[] = [];
  #partBytes = 0;

  /** Bytes added since the last write. */
  get bytes(): number {
    return this.#partBytes + this.#at - this.#from;
  }

  /** Makes room for a frame of `length` bytes: its bytes go into `scratch` from the index returned. */
  reserve(length: number): number {
    if (this.#at + length > this.#scratch.length) {
      this.#cut();
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(SCRATCH_BYTES, length));
      this.#from = 0;
      this.#at = 0;
      this.#free = 0;
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }

  get scratch(): Buffer {
    return this.#scratch;
  }

  /** Adds bytes that do not change any more. */
  add(bytes: Buffer): void {
    if (bytes.length < COPY_BELOW_BYTES) {
      // Before the buffer is looked up: making room may change it.
      const at = this.reserve(bytes.length);
      this.#scratch.set(bytes, at);
      return;
    }
    this.#cut();
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
  }

  /** Forgets what has been added: it could not be finished. */
  drop(): void {
    this.#parts = [];
    this.#partBytes = 0;
    this.#from = this.#free;
    this.#at = this.#free;
  }

  /** Writes what has been added. False: the socket has more than it can take, and will say `drain`. */
  send(socket: Socket): boolean {
    this.#cut();
    const parts = this.#parts;
    const [first] = parts;
    if (first === undefined) return true;
    // What has to wait, as everything does over TLS, gets small bytes of its own: they would hold the whole scratch buffer.
    const isOwn = socket.writableLength > 0 || socket instanceof TLSSocket;
    let taken: boolean;
    if (parts.length === 1) {
      parts.pop();
      taken = socket.write(isOwn ? this.#ownSmall(first) : first);
    } else {
      this.#parts = [];
      socket.cork();
      taken = true;
      for (const part of parts) taken = socket.write(isOwn ? this.#ownSmall(part) : part);
      socket.uncork();
    }
    this.#partBytes = 0;
    if (socket.writableLength > 0) {
      if (!isOwn || this.#keptScratch) this.#free = this.#at;
      else this.#rewind();
      this.#keptScratch = false;
      return taken;
    }
    this.#keptScratch = false;
    this.#rewind();
    return true;
  }

  #rewind(): void {
    this.#from = this.#free;
    this.#at = this.#free;
  }

  /** A part of the scratch buffer that is not worth holding it, as a copy. */
  #ownSmall(part: Buffer): Buffer {
    if (part.buffer !== this.#scratch.buffer) return part;
    if (part.length < OWN_BELOW_BYTES) return Buffer.from(part);
    this.#keptScratch = true;
    return part;
  }

  #cut(): void {
    if (this.#at === this.#from) return;
    this.#parts.push(this.#scratch.subarray(this.#from, this.#at));
    this.#partBytes += this.#at - this.#from;
    this.#from = this.#at;
  }
}
