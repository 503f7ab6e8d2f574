/**
 * HTTP/2 frames by hand (RFC 9113 §4 and §6), right or wrong as the test likes, and header blocks of plain literals (RFC 7541 §6.2).
 * Nothing here is shared with the engine, so that the two cannot be wrong together.
 */

export const PREFACE: Buffer = Buffer.from('505249202a20485454502f322e300d0a0d0a534d0d0a0d0a', 'hex');

export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const FLAG = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

export const CODE = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;
export type CodeName = keyof typeof CODE;

export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

const NOTHING = Buffer.alloc(0);

/** `length` lies about the payload when it is given. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = NOTHING,
  length: number = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  for (const [index, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(TYPE.SETTINGS, 0, 0, payload);
}

export function settingsAck(): Buffer {
  return frame(TYPE.SETTINGS, FLAG.ACK, 0);
}

export function ping(text: string, flags = 0): Buffer {
  return frame(TYPE.PING, flags, 0, Buffer.from(text.padEnd(8).slice(0, 8), 'latin1'));
}

export function reset(streamId: number, code: number): Buffer {
  return frame(TYPE.RST_STREAM, 0, streamId, uint32(code));
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(TYPE.WINDOW_UPDATE, 0, streamId, uint32(increment));
}

/** `dependsOn` and a weight, as RFC 7540 had them. */
export function priority(streamId: number, dependsOn: number): Buffer {
  return frame(TYPE.PRIORITY, 0, streamId, Buffer.concat([uint32(dependsOn), Buffer.from([15])]));
}

export function goAway(lastStreamId: number, code: number, debug = ''): Buffer {
  return frame(TYPE.GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(debug)]));
}

/** HEADERS with END_HEADERS unless the flags say otherwise. */
export function headers(streamId: number, block: Uint8Array, flags: number = FLAG.END_HEADERS): Buffer {
  return frame(TYPE.HEADERS, flags, streamId, block);
}

export function continuation(streamId: number, block: Uint8Array, flags: number = FLAG.END_HEADERS): Buffer {
  return frame(TYPE.CONTINUATION, flags, streamId, block);
}

/** DATA, without END_STREAM unless the flags say otherwise. */
export function data(streamId: number, payload: Uint8Array = NOTHING, flags = 0): Buffer {
  return frame(TYPE.DATA, flags, streamId, payload);
}

/** A payload with padding in front and behind, for frames with the flag PADDED. `says`: the pad length that it claims. */
export function padded(payload: Uint8Array, bytes: number, says: number = bytes): Buffer {
  return Buffer.concat([Buffer.from([says]), payload, Buffer.alloc(bytes)]);
}

/** A gRPC message with its prefix. */
export function message(payload: Uint8Array | string = NOTHING): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from([0]), uint32(bytes.length), bytes]);
}

export type Field = readonly [name: string, value: string];

/** A header block of literals that enter no table. */
export function literals(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]),
  );
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([hpackInteger(bytes.length, 7, 0), bytes]);
}

/** RFC 7541 §5.1, under the bits of `pattern`. */
export function hpackInteger(value: number, prefix: number, pattern: number): Buffer {
  const most = 2 ** prefix - 1;
  if (value < most) return Buffer.from([pattern | value]);
  const bytes = [pattern | most];
  let left = value - most;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  bytes.push(left);
  return Buffer.from(bytes);
}
