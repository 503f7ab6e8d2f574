import { constants, gunzip, gzipSync, inflate as inflateZlib, type ZlibOptions } from 'node:zlib';
import { STATUS_INTERNAL, STATUS_RESOURCE_EXHAUSTED } from '../../status.js';
import { GrpcError } from './grpc-error.js';

/** Compressed messages: gRPC over HTTP/2, "Message-Encoding". */

const CHUNK_BYTES = 64 * 1024;
const LEAST_CHUNK_BYTES = 1_024;

/** Called once, never from inside the call that was given it: an error, or the message. */
export type Inflated = (error: GrpcError | undefined, message: Uint8Array | undefined) => void;

/**
 * Inflates one message in the thread pool; `deflate` is the zlib format (RFC 1950), as everywhere in gRPC. `bytes` must stay as they are
 * until `done`. It stops as soon as there are more than `maxBytes`: RESOURCE_EXHAUSTED. Bytes that are not what they should be, or
 * end too early: INTERNAL.
 */
export function inflate(
  encoding: 'gzip' | 'deflate',
  bytes: Uint8Array,
  maxBytes: number,
  done: Inflated,
): void {
  const options: ZlibOptions = { maxOutputLength: maxBytes, chunkSize: chunkFor(bytes.byteLength) };
  const finish = (error: Error | null, message: Buffer): void => {
    if (error === null) done(undefined, message);
    else done(failure(error, encoding, maxBytes), undefined);
  };
  if (encoding === 'gzip') gunzip(bytes, options, finish);
  else inflateZlib(bytes, options, finish);
}

/** Compresses one message for a client that asked for it; the fast way, since it holds everybody up. */
export function deflate(bytes: Uint8Array): Buffer {
  return gzipSync(bytes, { level: constants.Z_BEST_SPEED });
}

/** Small messages get a small buffer: many of them may be inflating at once. */
function chunkFor(compressedBytes: number): number {
  return Math.min(CHUNK_BYTES, Math.max(LEAST_CHUNK_BYTES, compressedBytes * 4));
}

function failure(error: Error, encoding: string, maxBytes: number): GrpcError {
  if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
    const message = `a compressed message has more than ${maxBytes} bytes when inflated: at most so many are taken`;
    return new GrpcError(STATUS_RESOURCE_EXHAUSTED, message);
  }
  return new GrpcError(STATUS_INTERNAL, `a compressed message is no ${encoding}: ${error.message}`);
}
