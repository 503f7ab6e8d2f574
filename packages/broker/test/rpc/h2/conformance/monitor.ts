import { FLAG, SETTING, TYPE } from './wire.js';

const DEFAULT_WINDOW = 65_535;
const DEFAULT_MAX_FRAME = 16_384;

/** The flags that each frame of a server may have (RFC 9113 §6; others must be left unset, §4.1). */
const FLAGS: Readonly<Record<number, number>> = {
  [TYPE.DATA]: FLAG.END_STREAM | FLAG.PADDED,
  [TYPE.HEADERS]: FLAG.END_STREAM | FLAG.END_HEADERS | FLAG.PADDED,
  [TYPE.RST_STREAM]: 0,
  [TYPE.SETTINGS]: FLAG.ACK,
  [TYPE.PING]: FLAG.ACK,
  [TYPE.GOAWAY]: 0,
  [TYPE.WINDOW_UPDATE]: 0,
  [TYPE.CONTINUATION]: FLAG.END_HEADERS,
};

/** Frames that have bytes of a fixed number. */
const LENGTHS: Readonly<Record<number, number>> = {
  [TYPE.RST_STREAM]: 4,
  [TYPE.PING]: 8,
  [TYPE.WINDOW_UPDATE]: 4,
};

interface StreamState {
  window: number;
  /** The server has ended its side. */
  ended: boolean;
  reset: boolean;
  /** The client has reset it. */
  left: boolean;
}

/**
 * Watches over what a server must keep to in whatever it sends, in each test: the form of its frames, the states of streams, the windows
 * and the limits that the client has set. It is told of all frames in both directions, in order.
 */
export class ServerMonitor {
  readonly violations: string[] = [];
  readonly #streams = new Map<number, StreamState>();
  #connectionWindow = DEFAULT_WINDOW;
  #initialWindow = DEFAULT_WINDOW;
  #maxFrame = DEFAULT_MAX_FRAME;
  /** SETTINGS of the client that the server has not acknowledged yet. */
  #unacknowledged: (readonly (readonly [number, number])[])[] = [];
  #first = true;
  #lastGoAway = Number.POSITIVE_INFINITY;
  /** The stream whose header block the server has begun. */
  #block = 0;

  /** A frame that the client has sent, right or wrong. */
  sent(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === TYPE.SETTINGS && (flags & FLAG.ACK) === 0) this.#unacknowledged.push(pairs(payload));
    else if (type === TYPE.WINDOW_UPDATE && payload.length === 4) {
      const increment = payload.readUInt32BE(0) & 0x7fff_ffff;
      const stream = this.#streams.get(streamId);
      if (streamId === 0) this.#connectionWindow += increment;
      else if (stream !== undefined) stream.window += increment;
    } else if (type === TYPE.RST_STREAM) {
      const stream = this.#streams.get(streamId);
      if (stream !== undefined) stream.left = true;
    } else if (type === TYPE.HEADERS && !this.#streams.has(streamId)) {
      this.#streams.set(streamId, { window: this.#initialWindow, ended: false, reset: false, left: false });
    }
  }

  /** A frame of the server. */
  received(type: number, flags: number, streamId: number, payload: Buffer): void {
    const wrong = (what: string): void =>
      void this.violations.push(`${what} (type ${type}, stream ${streamId})`);
    if (this.#first && (type !== TYPE.SETTINGS || (flags & FLAG.ACK) !== 0))
      wrong('§3.4: the first frame is not SETTINGS');
    this.#first = false;
    if (streamId > 0x7fff_ffff) wrong('§4.1: the reserved bit is set');
    if (payload.length > this.#maxFrame) wrong(`§4.2: a frame of ${payload.length} bytes`);
    const allowed = FLAGS[type];
    if (allowed === undefined) wrong('§5.5, §6.6: a frame that this server never sends');
    else if ((flags & ~allowed) !== 0) wrong(`§4.1: flags 0x${flags.toString(16)}`);
    if (LENGTHS[type] !== undefined && payload.length !== LENGTHS[type])
      wrong(`§6: a payload of ${payload.length} bytes`);
    const ofConnection = type === TYPE.SETTINGS || type === TYPE.PING || type === TYPE.GOAWAY;
    if (ofConnection !== (streamId === 0) && type !== TYPE.WINDOW_UPDATE)
      wrong('§6: on the wrong kind of stream');
    if (this.#block !== 0 && (type !== TYPE.CONTINUATION || streamId !== this.#block))
      wrong('§4.3: within a header block');
    if (type === TYPE.CONTINUATION && this.#block === 0) wrong('§6.10: without HEADERS');
    if (type === TYPE.HEADERS || type === TYPE.CONTINUATION)
      this.#block = (flags & FLAG.END_HEADERS) === 0 ? streamId : 0;
    if (type === TYPE.SETTINGS) this.#settings(flags, payload, wrong);
    else if (type === TYPE.GOAWAY) this.#goAway(payload, wrong);
    else if (type === TYPE.WINDOW_UPDATE && (payload.readUInt32BE(0) & 0x7fff_ffff) === 0)
      wrong('§6.9: an increment of 0');
    if (streamId !== 0) this.#onStream(type, flags, streamId, payload, wrong);
  }

  #onStream(
    type: number,
    flags: number,
    streamId: number,
    payload: Buffer,
    wrong: (what: string) => void,
  ): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      // Streams below the last one are closed, although they were never opened (§5.1.1): DATA on one is answered.
      const closed = streamId % 2 === 1 && streamId < Math.max(0, ...this.#streams.keys());
      if (closed && type === TYPE.RST_STREAM) return;
      wrong('§5.1, §6.4: on a stream that the client has not opened');
      return;
    }
    // §5.4.2: again, if the client goes on after a reset of its own.
    const again = type === TYPE.RST_STREAM && stream.left;
    if (stream.reset && !again) wrong('§5.1: after RST_STREAM');
    if (type === TYPE.RST_STREAM) {
      stream.reset = true;
      return;
    }
    if (type === TYPE.WINDOW_UPDATE) return;
    if (stream.ended && type !== TYPE.CONTINUATION) wrong('§5.1: after END_STREAM');
    if (type === TYPE.DATA) {
      if (payload.length > 0 && payload.length > stream.window)
        wrong(`§6.9.1: ${payload.length} bytes into a stream window of ${stream.window}`);
      if (payload.length > this.#connectionWindow)
        wrong(`§6.9.1: ${payload.length} bytes into a connection window of ${this.#connectionWindow}`);
      stream.window -= payload.length;
      this.#connectionWindow -= payload.length;
    }
    if (type !== TYPE.CONTINUATION && (flags & FLAG.END_STREAM) !== 0) stream.ended = true;
  }

  #settings(flags: number, payload: Buffer, wrong: (what: string) => void): void {
    if ((flags & FLAG.ACK) === 0) {
      if (payload.length % 6 !== 0) wrong('§6.5: not a multiple of six bytes');
      if (pairs(payload).some(([id, value]) => id === SETTING.ENABLE_PUSH && value !== 0))
        wrong('§6.5.2: push');
      return;
    }
    if (payload.length > 0) wrong('§6.5: ACK with a payload');
    const acknowledged = this.#unacknowledged.shift();
    if (acknowledged === undefined) wrong('§6.5.3: ACK of nothing');
    for (const [id, value] of acknowledged ?? []) {
      if (id === SETTING.MAX_FRAME_SIZE) this.#maxFrame = value;
      if (id !== SETTING.INITIAL_WINDOW_SIZE) continue;
      for (const stream of this.#streams.values()) stream.window += value - this.#initialWindow;
      this.#initialWindow = value;
    }
  }

  #goAway(payload: Buffer, wrong: (what: string) => void): void {
    const last = payload.length < 8 ? Number.NaN : payload.readUInt32BE(0);
    if (!(last <= this.#lastGoAway)) wrong(`§6.8: last stream ${last} after ${this.#lastGoAway}`);
    this.#lastGoAway = last;
  }
}

function pairs(payload: Buffer): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  for (let at = 0; at + 6 <= payload.length; at += 6)
    found.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]);
  return found;
}
