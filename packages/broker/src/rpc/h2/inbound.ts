import type { FloodKind } from './flood-guard.js';
import {
  COMPRESSION_ERROR,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_PUSH_PROMISE,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_SIZE_ERROR,
  FRAME_WINDOW_UPDATE,
  PROTOCOL_ERROR,
} from './frames/constants.js';
import { H2Error } from './frames/error.js';
import type { FrameSink } from './frames/reader.js';
import { HeaderAssembly } from './header-assembly.js';
import { HpackDecoder } from './hpack/decoder.js';
import { HpackError } from './hpack/error.js';
import type { HeaderBlock } from './hpack/header-block.js';
import type { H2Limits } from './limits.js';
import type { OffenceKind } from './offences.js';

/** What frames mean, to the connection that they came on. Their form has been checked; payloads are borrowed. */
export interface InboundSink {
  /** Milliseconds of `performance.now()`, read once per chunk. */
  readonly now: number;
  /** `block`: undefined when the frame itself was wrong, so that the stream ends as it begins. */
  onHeaders(streamId: number, endStream: boolean, block: HeaderBlock | undefined): void;
  /** `charged`: the whole payload, padding included, which is what windows count. */
  onData(
    streamId: number,
    endStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    charged: number,
  ): void;
  onReset(streamId: number): void;
  onSettings(bytes: Buffer, start: number, end: number): void;
  onSettingsAcknowledged(): void;
  onPing(bytes: Buffer, start: number): void;
  onPong(bytes: Buffer, start: number): void;
  onWindowUpdate(streamId: number, increment: number): void;
  /** The peer broke a rule on this stream alone (RFC 9113 §5.4.2). */
  streamError(streamId: number, code: number): void;
  /** Counts what costs the peer little; throws when it is too much. */
  count(kind: FloodKind): void;
  /** The peer went over a limit: it is shut out. Throws. */
  offence(kind: OffenceKind, message: string): never;
}

/** Header blocks longer than this many times the limit of the list are not even decoded. */
const BLOCK_FACTOR = 2;

/**
 * The form of each frame (RFC 9113 §6), and header blocks put together (§4.3). Throws an H2Error for whatever ends the connection.
 */
export class Inbound implements FrameSink {
  readonly #sink: InboundSink;
  readonly #limits: H2Limits;
  readonly #decoder: HpackDecoder;
  #assembly: HeaderAssembly | undefined = undefined;
  #settingsSeen = false;

  constructor(sink: InboundSink, limits: H2Limits) {
    this.#sink = sink;
    this.#limits = limits;
    this.#decoder = new HpackDecoder({
      maxTableBytes: 4_096,
      maxListBytes: limits.maxHeaderListBytes,
      maxFields: limits.maxHeaderFields,
    });
  }

  /** Since when a header block waits for the frames that end it; undefined: none does. */
  get assemblingSince(): number | undefined {
    return this.#assembly?.since;
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#assembly !== undefined && type !== FRAME_CONTINUATION) {
      throw new H2Error(PROTOCOL_ERROR, `a frame of type ${type} within a header block (§4.3)`);
    }
    if (!this.#settingsSeen && type !== FRAME_SETTINGS) {
      throw new H2Error(PROTOCOL_ERROR, 'the first frame is not SETTINGS (§3.4)');
    }
    switch (type) {
      case FRAME_DATA:
        this.#data(flags, streamId, bytes, start, end);
        return;
      case FRAME_HEADERS:
        this.#headers(flags, streamId, bytes, start, end);
        return;
      case FRAME_WINDOW_UPDATE:
        this.#windowUpdate(streamId, bytes, start, end);
        return;
      case FRAME_RST_STREAM:
        requireStream(streamId, 'RST_STREAM');
        requireLength(4, start, end, 'RST_STREAM');
        this.#sink.onReset(streamId);
        return;
      case FRAME_PING:
        this.#ping(flags, streamId, bytes, start, end);
        return;
      case FRAME_SETTINGS:
        this.#settings(flags, streamId, bytes, start, end);
        return;
      case FRAME_CONTINUATION:
        this.#continuation(flags, streamId, bytes, start, end);
        return;
      case FRAME_PRIORITY:
        this.#priority(streamId, bytes, start, end);
        return;
      case FRAME_GOAWAY:
        requireConnection(streamId, 'GOAWAY');
        if (end - start < 8)
          throw new H2Error(FRAME_SIZE_ERROR, 'a GOAWAY frame of less than 8 bytes (§6.8)');
        // The peer opens no more streams; those that are open go on.
        return;
      case FRAME_PUSH_PROMISE:
        throw new H2Error(PROTOCOL_ERROR, 'PUSH_PROMISE from a client (§8.4)');
      default:
        // §5.5: unknown types are ignored.
        this.#sink.count('unknown-frame');
    }
  }

  #data(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    requireStream(streamId, 'DATA');
    const padding = paddingOf(flags, bytes, start, end, 0);
    const from = (flags & FLAG_PADDED) === 0 ? start : start + 1;
    const endStream = (flags & FLAG_END_STREAM) !== 0;
    if (from === end - padding && !endStream) this.#sink.count('empty-data');
    this.#sink.onData(streamId, endStream, bytes, from, end - padding, end - start);
  }

  #headers(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    requireStream(streamId, 'HEADERS');
    const priority = (flags & FLAG_PRIORITY) === 0 ? 0 : 5;
    const padding = paddingOf(flags, bytes, start, end, priority);
    let from = (flags & FLAG_PADDED) === 0 ? start : start + 1;
    // RFC 9113 gave priorities up; that a stream may not depend on itself is from RFC 7540 §5.3.1.
    const selfDependent = priority > 0 && (bytes.readUInt32BE(from) & 0x7f_ff_ff_ff) === streamId;
    from += priority;
    const endStream = (flags & FLAG_END_STREAM) !== 0;
    if ((flags & FLAG_END_HEADERS) !== 0) {
      this.#block(streamId, endStream, selfDependent, bytes, from, end - padding);
      return;
    }
    this.#assembly = new HeaderAssembly(
      streamId,
      endStream,
      selfDependent,
      bytes.subarray(from, end - padding),
      this.#sink.now,
    );
  }

  #continuation(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const assembly = this.#assembly;
    if (assembly === undefined) {
      throw new H2Error(PROTOCOL_ERROR, 'CONTINUATION without HEADERS before it (§6.10)');
    }
    this.#sink.count('continuation');
    assembly.add(streamId, bytes.subarray(start, end));
    const { maxContinuationFrames, maxHeaderListBytes } = this.#limits;
    if (assembly.continuations > maxContinuationFrames) {
      this.#sink.offence(
        'continuation',
        `a header block in more than ${maxContinuationFrames} CONTINUATION frames (maxContinuationFrames)`,
      );
    }
    if (assembly.bytes > maxHeaderListBytes * BLOCK_FACTOR) {
      this.#sink.offence(
        'headers',
        `a header block of more than ${maxHeaderListBytes * BLOCK_FACTOR} bytes (maxHeaderListBytes)`,
      );
    }
    if ((flags & FLAG_END_HEADERS) === 0) return;
    this.#assembly = undefined;
    const whole = assembly.whole();
    this.#block(streamId, assembly.endStream, assembly.selfDependent, whole, 0, whole.length);
  }

  #block(
    streamId: number,
    endStream: boolean,
    selfDependent: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    let block: HeaderBlock;
    try {
      block = this.#decoder.decode(bytes, start, end);
    } catch (error) {
      if (error instanceof HpackError) throw new H2Error(COMPRESSION_ERROR, error.message);
      throw error;
    }
    this.#sink.onHeaders(streamId, endStream, selfDependent ? undefined : block);
  }

  #windowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    requireLength(4, start, end, 'WINDOW_UPDATE');
    const increment = bytes.readUInt32BE(start) & 0x7f_ff_ff_ff;
    this.#sink.count('window-update');
    if (increment === 0) {
      if (streamId === 0) throw new H2Error(PROTOCOL_ERROR, 'WINDOW_UPDATE by 0 (§6.9)');
      this.#sink.streamError(streamId, PROTOCOL_ERROR);
    } else {
      this.#sink.onWindowUpdate(streamId, increment);
    }
  }

  #ping(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    requireConnection(streamId, 'PING');
    requireLength(8, start, end, 'PING');
    if ((flags & FLAG_ACK) !== 0) {
      this.#sink.onPong(bytes, start);
      return;
    }
    this.#sink.count('ping');
    this.#sink.onPing(bytes, start);
  }

  #settings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    requireConnection(streamId, 'SETTINGS');
    if ((flags & FLAG_ACK) === 0) {
      this.#settingsSeen = true;
      this.#sink.count('settings');
      this.#sink.onSettings(bytes, start, end);
      return;
    }
    requireLength(0, start, end, 'SETTINGS with ACK');
    if (!this.#settingsSeen) throw new H2Error(PROTOCOL_ERROR, 'the first frame is not SETTINGS (§3.4)');
    this.#sink.onSettingsAcknowledged();
  }

  #priority(streamId: number, bytes: Buffer, start: number, end: number): void {
    requireStream(streamId, 'PRIORITY');
    this.#sink.count('priority');
    if (end - start !== 5) this.#sink.streamError(streamId, FRAME_SIZE_ERROR);
    else if ((bytes.readUInt32BE(start) & 0x7f_ff_ff_ff) === streamId) {
      this.#sink.streamError(streamId, PROTOCOL_ERROR);
    }
  }
}

/** How many bytes of padding end a payload (§6.1, §6.2). */
function paddingOf(flags: number, bytes: Buffer, start: number, end: number, fixed: number): number {
  const padded = (flags & FLAG_PADDED) !== 0;
  const before = (padded ? 1 : 0) + fixed;
  if (before > end - start) throw new H2Error(FRAME_SIZE_ERROR, 'a frame shorter than its flags say (§4.2)');
  const padding = padded ? (bytes[start] ?? 0) : 0;
  if (before + padding > end - start)
    throw new H2Error(PROTOCOL_ERROR, 'padding longer than the payload (§6.1)');
  return padding;
}

function requireLength(length: number, start: number, end: number, frame: string): void {
  if (end - start === length) return;
  throw new H2Error(FRAME_SIZE_ERROR, `a ${frame} frame of ${end - start} bytes: it has ${length}`);
}

function requireStream(streamId: number, frame: string): void {
  if (streamId === 0) throw new H2Error(PROTOCOL_ERROR, `${frame} on stream 0`);
}

function requireConnection(streamId: number, frame: string): void {
  if (streamId !== 0) throw new H2Error(PROTOCOL_ERROR, `${frame} on stream ${streamId}: it belongs on 0`);
}
