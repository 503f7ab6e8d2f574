import type { Socket } from 'node:net';
import { markArrival } from './clock.js';
import { dial, type RawConnectionOptions, requestHeaders } from './dial.js';
import { FrameCutter } from './frame-cutter.js';
import { HeaderAssembler } from './header-assembler.js';
import {
  encodeLiteralHeaders,
  encodeRequestHeaders,
  HEADER_TABLE_BYTES,
  type HeaderBlocks,
  HpackDecoder,
} from './hpack.js';
import {
  ACK,
  CLOSE_GRACE_MS,
  CONTINUATION,
  DATA,
  DEFAULT_WINDOW,
  END_HEADERS,
  END_STREAM,
  FRAME_HEADER,
  GOAWAY,
  HEADERS,
  HIGH_WATER,
  LAST_STREAM_ID,
  MAX_FRAME,
  PADDED,
  PING,
  PREFACE,
  PUSH_PROMISE,
  RECEIVE_WINDOW,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  writeFrameHeader,
} from './http2-frames.js';
import { OutBuffer } from './out-buffer.js';
import { RawStream, type RawStreamListener } from './raw-stream.js';
import { SendQueue } from './send-queue.js';
import {
  decodeStatusMessage,
  STATUS_INTERNAL,
  STATUS_OK,
  STATUS_UNAVAILABLE,
  statusOfHttp,
  statusOfReset,
} from './status.js';

/**
 * A gRPC client connection by hand: HTTP/2 on a socket, requests of one method, of one message each or of many. It does what a client must
 * (flow control both ways, SETTINGS, PING, GOAWAY, RST_STREAM) and as little as it can, so that the server is the bottleneck.
 */
export class RawConnection {
  /** Called when requests may go out again after `ready` was false. */
  onReady: (() => void) | undefined;
  /** Called once, when the connection is over; every stream has been closed by then. */
  onClosed: ((reason: string) => void) | undefined;
  bytesReceived = 0;

  #socket: Socket;
  #out: OutBuffer;
  #hpack: HpackDecoder;
  #requestHeaders: readonly (readonly [string, string])[];
  #blocks: HeaderBlocks | undefined;
  #firstSent = false;
  #streams = new Map<number, RawStream>();
  #nextId = 1;
  #queue: SendQueue;
  #peerInitialWindow = DEFAULT_WINDOW;
  #peerMaxStreams = Number.POSITIVE_INFINITY;
  #received = 0;
  #frames: FrameCutter;
  #header = new HeaderAssembler();
  #goingAway = false;
  #closed = false;
  #reading = false;
  #settled: ((error: Error | undefined) => void) | undefined;
  #current: RawStream | undefined;

  private constructor(socket: Socket, options: RawConnectionOptions) {
    this.#socket = socket;
    this.#out = new OutBuffer(socket);
    this.#queue = new SendQueue(this.#out);
    this.#frames = new FrameCutter((bytes, type, flags, id, start, end) => {
      this.#frame(bytes, type, flags, id, start, end);
      return !this.#closed;
    });
    this.#hpack = new HpackDecoder(options.huffman);
    this.#requestHeaders = requestHeaders(options);
  }

  /** Resolves once the server's SETTINGS are there, as real clients wait for them. Rejects when that takes too long. */
  static connect(options: RawConnectionOptions): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      // The first bytes come in a later turn.
      const { socket, connected } = dial(options, (chunk) => connection.#read(chunk));
      const connection = new RawConnection(socket, options);
      const timer = setTimeout(
        () => connection.#fail(`no HTTP/2 answer within ${options.connectTimeoutMs} ms`),
        options.connectTimeoutMs,
      );
      connection.#settled = (error) => {
        clearTimeout(timer);
        connection.#settled = undefined;
        if (error === undefined) resolve(connection);
        else reject(error);
      };
      socket.once(connected, () => connection.#greet());
      socket.on('drain', () => connection.#drained());
      socket.on('error', (error) => connection.#fail(error.message));
      socket.on('close', () => connection.#fail('the server closed the connection'));
    });
  }

  /** A request may be opened now. */
  get ready(): boolean {
    return (
      !this.#closed &&
      !this.#goingAway &&
      this.#streams.size < this.#peerMaxStreams &&
      this.#out.waiting + this.#queue.waiting < HIGH_WATER
    );
  }

  get closed(): boolean {
    return this.#closed || this.#goingAway;
  }

  get streams(): number {
    return this.#streams.size;
  }

  get bytesSent(): number {
    return this.#out.written;
  }

  /** Sends a request whose body (gRPC prefix and message) is copied at once. Outside of listener calls, `flush` must follow. */
  open(body: Buffer, listener: RawStreamListener, startedAt: number): RawStream {
    const stream = this.begin(listener, startedAt);
    this.#queue.add(stream, body, true);
    return stream;
  }

  /** Sends one more message (with its gRPC prefix) of a call that `begin` began; its bytes are copied at once. */
  send(stream: RawStream, body: Buffer): void {
    this.#queue.add(stream, body, false);
  }

  /** Begins a call of many messages, which `send` sends. */
  begin(listener: RawStreamListener, startedAt: number): RawStream {
    const stream = new RawStream(this.#nextId, listener, startedAt, this.#peerInitialWindow);
    this.#nextId += 2;
    if (this.#nextId > LAST_STREAM_ID - 2) this.#goingAway = true;
    this.#streams.set(stream.id, stream);
    const blocks = this.#blocks;
    const block = this.#firstSent ? blocks?.later : blocks?.first;
    this.#firstSent = true;
    if (block === undefined) throw new Error('open() before the server was there');
    const offset = this.#out.reserve(FRAME_HEADER + block.length);
    writeFrameHeader(this.#out.buffer, offset, block.length, HEADERS, END_HEADERS, stream.id);
    block.copy(this.#out.buffer, offset + FRAME_HEADER);
    return stream;
  }

  flush(): void {
    if (!this.#reading) this.#out.flush();
  }

  /** Ends the connection; streams that are still open are closed with `UNAVAILABLE` and the text given. */
  close(reason = 'closed by the load generator'): void {
    if (this.#closed) return;
    const offset = this.#out.reserve(FRAME_HEADER + 8);
    writeFrameHeader(this.#out.buffer, offset, 8, GOAWAY, 0, 0);
    this.#out.buffer.fill(0, offset + FRAME_HEADER, offset + FRAME_HEADER + 8);
    this.#out.flush();
    this.#socket.destroySoon();
    // A server that reads nothing would keep the last bytes, and so the process, for ever.
    setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS).unref();
    this.#fail(reason);
  }

  #drained(): void {
    if (!this.ready) return;
    this.onReady?.();
    this.#out.flush();
  }

  #greet(): void {
    const settings = [
      [0x2, 0],
      [0x4, RECEIVE_WINDOW],
    ] as const;
    const length = settings.length * 6;
    const offset = this.#out.reserve(PREFACE.length + FRAME_HEADER + length);
    const out = this.#out.buffer;
    out.write(PREFACE, offset, 'latin1');
    let at = offset + PREFACE.length;
    writeFrameHeader(out, at, length, SETTINGS, 0, 0);
    at += FRAME_HEADER;
    for (const [id, value] of settings) {
      out.writeUInt16BE(id, at);
      out.writeUInt32BE(value, at + 2);
      at += 6;
    }
    this.#updateWindow(0, RECEIVE_WINDOW - DEFAULT_WINDOW);
    this.#out.flush();
  }

  #read(incoming: Buffer): void {
    if (this.#closed) return;
    markArrival();
    this.bytesReceived += incoming.length;
    const wasReady = this.ready;
    this.#reading = true;
    try {
      this.#frames.read(incoming);
    } catch (error) {
      this.#fail(`protocol error: ${error instanceof Error ? error.message : String(error)}`);
      return;
    } finally {
      this.#reading = false;
      this.#current = undefined;
    }
    if (this.#closed) return;
    if (!wasReady && this.ready) this.onReady?.();
    this.#out.flush();
    if (this.#goingAway && this.#streams.size === 0) this.close('the server asked to go elsewhere (GOAWAY)');
  }

  #frame(bytes: Buffer, type: number, flags: number, id: number, start: number, end: number): void {
    if (this.#header.openStream !== 0 && type !== CONTINUATION)
      throw new Error('a header block was interrupted');
    switch (type) {
      case DATA:
        this.#data(bytes, flags, id, start, end);
        return;
      case HEADERS:
        if (this.#header.headers(bytes, flags, id, start, end)) this.#headers();
        return;
      case CONTINUATION:
        if (this.#header.continuation(bytes, flags, id, start, end)) this.#headers();
        return;
      case RST_STREAM: {
        const stream = this.#streams.get(id);
        if (stream === undefined) return;
        const code = bytes.readUInt32BE(start);
        this.#end(stream, statusOfReset(code), `the server reset the stream (HTTP/2 error ${code})`);
        return;
      }
      case SETTINGS:
        if ((flags & ACK) === 0) this.#settings(bytes, start, end);
        return;
      case PING:
        if ((flags & ACK) === 0) {
          const offset = this.#out.reserve(FRAME_HEADER + 8);
          writeFrameHeader(this.#out.buffer, offset, 8, PING, ACK, 0);
          bytes.copy(this.#out.buffer, offset + FRAME_HEADER, start, start + 8);
        }
        return;
      case GOAWAY:
        this.#goAway(bytes.readUInt32BE(start) & 0x7fffffff);
        return;
      case WINDOW_UPDATE: {
        const increment = bytes.readUInt32BE(start) & 0x7fffffff;
        if (id === 0) this.#queue.window += increment;
        else {
          const stream = this.#streams.get(id);
          if (stream !== undefined) stream.sendWindow += increment;
        }
        this.#queue.send();
        return;
      }
      case PUSH_PROMISE:
        throw new Error('PUSH_PROMISE although push is off');
      default:
    }
  }

  #data(bytes: Buffer, flags: number, id: number, start: number, end: number): void {
    const length = end - start;
    this.#received += length;
    if (this.#received > RECEIVE_WINDOW / 2) {
      this.#updateWindow(0, this.#received);
      this.#received = 0;
    }
    const stream = this.#current?.id === id ? this.#current : this.#streams.get(id);
    if (stream === undefined) return;
    this.#current = stream;
    stream.received += length;
    if (stream.received > RECEIVE_WINDOW / 2 && (flags & END_STREAM) === 0) {
      this.#updateWindow(id, stream.received);
      stream.received = 0;
    }
    if (flags & PADDED) {
      end -= bytes[start] ?? 0;
      start += 1;
      if (end < start) throw new Error('padding is longer than its frame');
    }
    if (stream.listener.message !== undefined) stream.cut(bytes, start, end);
    if (flags & END_STREAM)
      this.#end(stream, STATUS_INTERNAL, 'the server ended the stream without a status');
  }

  #headers(): void {
    const { bytes, start, end, flags } = this.#header;
    const stream = this.#streams.get(this.#header.stream);
    this.#current = stream;
    this.#hpack.decode(bytes, start, end, this.#onField);
    if (stream === undefined) return;
    if ((flags & END_STREAM) === 0) {
      if (!stream.opened && stream.httpStatus === '200') {
        stream.opened = true;
        stream.listener.opened?.(stream);
      }
      return;
    }
    if (stream.grpcStatus !== '') {
      this.#end(stream, Number(stream.grpcStatus), decodeStatusMessage(stream.grpcMessage));
    } else {
      this.#end(
        stream,
        statusOfHttp(stream.httpStatus),
        `HTTP status ${stream.httpStatus || 'none'}, no grpc-status`,
      );
    }
  }

  #onField = (name: string, value: string): void => {
    const stream = this.#current;
    if (stream === undefined) return;
    if (name === 'grpc-status') stream.grpcStatus = value;
    else if (name === ':status') stream.httpStatus = value;
    else if (name === 'grpc-message') stream.grpcMessage = value;
  };

  #settings(bytes: Buffer, start: number, end: number): void {
    let table = HEADER_TABLE_BYTES;
    for (let at = start; at + 6 <= end; at += 6) {
      const id = bytes.readUInt16BE(at);
      const value = bytes.readUInt32BE(at + 2);
      if (id === 0x1) table = value;
      else if (id === 0x3) this.#peerMaxStreams = value;
      else if (id === 0x5) this.#queue.maxFrame = Math.min(value, MAX_FRAME);
      else if (id === 0x4) {
        const change = value - this.#peerInitialWindow;
        this.#peerInitialWindow = value;
        for (const stream of this.#streams.values()) stream.sendWindow += change;
        this.#queue.send();
      }
    }
    const offset = this.#out.reserve(FRAME_HEADER);
    writeFrameHeader(this.#out.buffer, offset, 0, SETTINGS, ACK, 0);
    this.#blocks ??=
      table < HEADER_TABLE_BYTES
        ? encodeLiteralHeaders(this.#requestHeaders)
        : encodeRequestHeaders(this.#requestHeaders);
    this.#settled?.(undefined);
  }

  #goAway(lastId: number): void {
    this.#goingAway = true;
    for (const stream of [...this.#streams.values()]) {
      if (stream.id > lastId) this.#end(stream, STATUS_UNAVAILABLE, 'the server is going away (GOAWAY)');
    }
  }

  #end(stream: RawStream, status: number, message: string): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#queue.forget(stream);
    stream.listener.closed(stream, status, status === STATUS_OK ? '' : message);
  }

  #updateWindow(id: number, increment: number): void {
    const offset = this.#out.reserve(FRAME_HEADER + 4);
    writeFrameHeader(this.#out.buffer, offset, 4, WINDOW_UPDATE, 0, id);
    this.#out.buffer.writeUInt32BE(increment, offset + FRAME_HEADER);
  }

  #fail(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#socket.writableEnded) this.#socket.destroy();
    for (const stream of [...this.#streams.values()]) this.#end(stream, STATUS_UNAVAILABLE, reason);
    this.#settled?.(new Error(reason));
    this.onClosed?.(reason);
  }
}
