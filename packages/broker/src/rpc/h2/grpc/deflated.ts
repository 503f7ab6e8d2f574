import { deflate } from './inflate.js';

/** Larger messages go out as they are, which is always allowed: compressing them would hold everybody up. */
const LARGEST_BYTES = 256 * 1024;
/** Smaller ones do not get smaller. */
const LEAST_BYTES = 64;

const compressed = new WeakSet<Uint8Array>();
const cache = new WeakMap<Uint8Array, Buffer>();

/** The message as it goes to streams that take gzip. One that many of them are owed is compressed once. */
export function compressedFor(message: Uint8Array): Uint8Array {
  if (message.byteLength > LARGEST_BYTES || message.byteLength < LEAST_BYTES) return message;
  let bytes = cache.get(message);
  if (bytes === undefined) {
    bytes = deflate(message);
    cache.set(message, bytes);
    compressed.add(bytes);
  }
  return bytes;
}

/** The flag in front of a message of such a stream (gRPC over HTTP/2, "Compressed-Flag"). */
export function flagOf(message: Uint8Array): number {
  return compressed.has(message) ? 1 : 0;
}
