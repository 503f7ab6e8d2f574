import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Just enough of HTTP/2 to carry header blocks to and from Node's own http2 (nghttp2), over real sockets. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const CONTINUATION = 9;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const HEADER_TABLE_SIZE = 1;
const MAX_FRAME_BYTES = 16_384;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A whole header block that ends its stream, in as many frames as it needs. */
export function headersFrames(stream: number, block: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME_BYTES) {
    const last = at + MAX_FRAME_BYTES >= block.length;
    const flags = (last ? END_HEADERS : 0) | (at === 0 ? END_STREAM : 0);
    parts.push(
      frame(at === 0 ? HEADERS : CONTINUATION, flags, stream, block.subarray(at, at + MAX_FRAME_BYTES)),
    );
  }
  return Buffer.concat(parts);
}

export function settingsFrame(tableBytes: number | undefined): Buffer {
  if (tableBytes === undefined) return frame(SETTINGS, 0, 0);
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(HEADER_TABLE_SIZE, 0);
  payload.writeUInt32BE(tableBytes, 2);
  return frame(SETTINGS, 0, 0, payload);
}

export const SETTINGS_ACK = frame(SETTINGS, ACK, 0);
export const PING_FRAME = frame(PING, 0, 0, Buffer.from('8 bytes.'));

/** What comes from the peer, as far as header blocks need it. */
export interface FrameEvents {
  headers?(stream: number, block: Buffer): void;
  settings?(tableBytes: number | undefined): void;
  settingsAcknowledged?(): void;
  pong?(): void;
  goaway?(code: number): void;
}

/** Reads frames off a socket. Answers SETTINGS and PING after the events heard of them. */
export function readFrames(socket: Socket, events: FrameEvents, skip = 0): void {
  let rest = Buffer.alloc(0);
  let block = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    if (skip > 0) {
      if (rest.length < skip) return;
      rest = rest.subarray(skip);
      skip = 0;
    }
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) return;
      const flags = rest[4] ?? 0;
      const payload = rest.subarray(9, end);
      switch (rest[3]) {
        case HEADERS:
        case CONTINUATION:
          // Node sends neither padding nor priority.
          block = Buffer.concat([block, payload]);
          if ((flags & END_HEADERS) !== 0) {
            events.headers?.(rest.readUInt32BE(5), block);
            block = Buffer.alloc(0);
          }
          break;
        case SETTINGS:
          if ((flags & ACK) !== 0) events.settingsAcknowledged?.();
          else {
            events.settings?.(tableBytesOf(payload));
            socket.write(SETTINGS_ACK);
          }
          break;
        case PING:
          if ((flags & ACK) !== 0) events.pong?.();
          else socket.write(frame(PING, ACK, 0, payload));
          break;
        case GOAWAY:
          events.goaway?.(payload.readUInt32BE(4));
      }
      rest = rest.subarray(end);
    }
  });
}

function tableBytesOf(settings: Buffer): number | undefined {
  let bytes: number | undefined;
  for (let at = 0; at < settings.length; at += 6) {
    if (settings.readUInt16BE(at) === HEADER_TABLE_SIZE) bytes = settings.readUInt32BE(at + 2);
  }
  return bytes;
}

export async function listen(onSocket: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ noDelay: true }, onSocket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return { server, port: address.port };
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}
