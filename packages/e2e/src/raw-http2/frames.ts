/** HTTP/2 frames by hand (RFC 9113 §4 and §6), right or wrong as the caller likes, and header blocks (RFC 7541 §6). */

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const ACK = 0x1;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;

export const SETTINGS_TIMEOUT = 4;
export const CANCEL = 8;
export const ENHANCE_YOUR_CALM = 11;

export const INITIAL_WINDOW_SIZE = 4;

const HEAD = 9;
const NOTHING = Buffer.alloc(0);

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = NOTHING): Buffer {
  const out = Buffer.allocUnsafe(HEAD + payload.length);
  out.writeUIntBE(payload.length, 0, 3);
  out[3] = type;
  out[4] = flags;
  out.writeUInt32BE(streamId, 5);
  out.set(payload, HEAD);
  return out;
}

export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const entries = Object.entries(values);
  const payload = Buffer.alloc(6 * entries.length);
  for (const [index, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(Number(id), 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(SETTINGS, 0, 0, payload);
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(WINDOW_UPDATE, 0, streamId, uint32(increment));
}

export function reset(streamId: number, code: number): Buffer {
  return frame(RST_STREAM, 0, streamId, uint32(code));
}

export function data(streamId: number, payload: Uint8Array, flags = END_STREAM): Buffer {
  return frame(DATA, flags, streamId, payload);
}

export function headers(streamId: number, block: Uint8Array, flags = END_HEADERS): Buffer {
  return frame(HEADERS, flags, streamId, block);
}

/** A header block of literals that enter no table. */
export function literals(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]),
  );
}

/** A literal that enters the dynamic table, as its newest. */
export function remembered(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), hpackString(name), hpackString(value)]);
}

/** The newest entry of the dynamic table, so many times: a byte each. */
export function newest(times: number): Buffer {
  return Buffer.alloc(times, 0x80 | 62);
}

/** What gRPC sends before a call; more fields come after those. */
export function callFields(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return literals([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([hpackInteger(bytes.length, 7), bytes]);
}

/** RFC 7541 §5.1; the bits above the prefix are zero. */
function hpackInteger(value: number, prefix: number): Buffer {
  const most = 2 ** prefix - 1;
  if (value < most) return Buffer.from([value]);
  const out = [most];
  let left = value - most;
  for (; left >= 128; left = Math.floor(left / 128)) out.push((left % 128) + 128);
  out.push(left);
  return Buffer.from(out);
}

function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value);
  return out;
}
