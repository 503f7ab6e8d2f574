/** HTTP/2 frame types, flags and sizes (RFC 9113), as far as a gRPC client needs them. */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const FRAME_HEADER = 9;
export const DATA = 0x0;
export const HEADERS = 0x1;
export const RST_STREAM = 0x3;
export const SETTINGS = 0x4;
export const PUSH_PROMISE = 0x5;
export const PING = 0x6;
export const GOAWAY = 0x7;
export const WINDOW_UPDATE = 0x8;
export const CONTINUATION = 0x9;
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY = 0x20;
export const DEFAULT_WINDOW = 65_535;
/** Large, so that the peer never waits for this side. */
export const RECEIVE_WINDOW = 64 * 1024 * 1024;
export const MAX_FRAME = 16_384;
/** A header block larger than this ends the connection: no gRPC reply needs as much. */
export const MAX_HEADER_BLOCK = 64 * 1024;
/** Above this many unsent bytes the connection asks its user to wait. */
export const HIGH_WATER = 4 * 1024 * 1024;
/** How long the last bytes may take after `close`. */
export const CLOSE_GRACE_MS = 1_000;
export const LAST_STREAM_ID = 2 ** 31 - 1;

export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): void {
  out[at] = length >>> 16;
  out[at + 1] = (length >>> 8) & 0xff;
  out[at + 2] = length & 0xff;
  out[at + 3] = type;
  out[at + 4] = flags;
  out[at + 5] = id >>> 24;
  out[at + 6] = (id >>> 16) & 0xff;
  out[at + 7] = (id >>> 8) & 0xff;
  out[at + 8] = id & 0xff;
}
