import {
  DEFAULT_WINDOW_BYTES,
  PREFACE,
  PROTOCOL_ERROR,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_HEADER_LIST_SIZE,
} from './frames/constants.js';
import { H2Error } from './frames/error.js';
import { settingsFrame, windowUpdateFrame } from './frames/writer.js';
import type { H2Limits } from './limits.js';
import { STREAM_WINDOW_BYTES } from './streams/stream.js';

/** What a client may have on its way over one connection. */
export const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/** What a client of HTTP/1 is told: something that people understand. */
export const NOT_HTTP2 = Buffer.from(
  'HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n' +
    'this port serves gRPC over HTTP/2: use a gRPC client\n',
  'latin1',
);

/** The preface of a client (RFC 9113 §3.4), which may come in any number of pieces. */
export class PrefaceReader {
  #seen = 0;

  get whole(): boolean {
    return this.#seen === PREFACE.length;
  }

  /**
   * Takes its bytes off a chunk and returns the index after them; -1 for a request of HTTP/1. Throws an H2Error for anything else that is
   * no preface.
   */
  read(chunk: Buffer): number {
    const seen = this.#seen;
    const length = Math.min(chunk.length, PREFACE.length - seen);
    if (PREFACE.compare(chunk, 0, length, seen, seen + length) === 0) {
      this.#seen += length;
      return length;
    }
    if (seen === 0 && looksLikeHttp1(chunk)) return -1;
    throw new H2Error(PROTOCOL_ERROR, 'this is not the preface of HTTP/2 (§3.4): this port serves gRPC');
  }
}

/** What this server begins with (§3.4): its SETTINGS, and the window of the connection. */
export function serverPreface(limits: H2Limits): Buffer {
  const settings = settingsFrame([
    [SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxStreamsPerConnection],
    [SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
    [SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
  ]);
  return Buffer.concat([settings, windowUpdateFrame(0, CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES)]);
}

function looksLikeHttp1(chunk: Buffer): boolean {
  return /^[A-Z]{3,10} \S+ HTTP\/1\.[01]\r?\n/.test(chunk.toString('latin1', 0, 2_048));
}
