import {
  DEFAULT_MAX_FRAME_BYTES,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  LARGEST_MAX_FRAME_BYTES,
  LARGEST_WINDOW_BYTES,
  PROTOCOL_ERROR,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_FRAME_SIZE,
} from './constants.js';
import { H2Error } from './error.js';

/**
 * What the peer's SETTINGS say to a server (RFC 9113 §6.5.2). Of SETTINGS_MAX_FRAME_SIZE only the value is checked: no frame of ours is
 * larger than the smallest that it may be.
 */
export class PeerSettings {
  initialWindowBytes: number;

  /** @param initialWindowBytes what held so far */
  constructor(initialWindowBytes: number) {
    this.initialWindowBytes = initialWindowBytes;
  }

  /**
   * Takes the payload of one SETTINGS frame, in its order (§6.5.3). Unknown settings are ignored; those about pushes and about
   * streams that a server would open mean nothing here. Throws an H2Error for a value that is not allowed.
   *
   * Returns each size of the header table: of several in one frame the smallest counts too (RFC 7541 §4.2).
   */
  apply(bytes: Buffer, start: number, end: number): readonly number[] {
    if ((end - start) % 6 !== 0) {
      throw new H2Error(FRAME_SIZE_ERROR, `a SETTINGS frame of ${end - start} bytes: not a multiple of 6`);
    }
    const tableBytes: number[] = [];
    for (let at = start; at < end; at += 6) {
      const [id, value] = [bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2)];
      if (id === SETTINGS_HEADER_TABLE_SIZE) tableBytes.push(value);
      else this.#one(id, value);
    }
    return tableBytes;
  }

  #one(id: number, value: number): void {
    switch (id) {
      case SETTINGS_ENABLE_PUSH:
        if (value > 1) throw new H2Error(PROTOCOL_ERROR, `SETTINGS_ENABLE_PUSH is ${value}: 0 or 1`);
        return;
      case SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > LARGEST_WINDOW_BYTES) {
          throw new H2Error(FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE is ${value}: at most 2^31-1`);
        }
        this.initialWindowBytes = value;
        return;
      case SETTINGS_MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > LARGEST_MAX_FRAME_BYTES) {
          throw new H2Error(PROTOCOL_ERROR, `SETTINGS_MAX_FRAME_SIZE is ${value}: from 2^14 to 2^24-1`);
        }
    }
  }
}
