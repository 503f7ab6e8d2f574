import { decodePublishRequest } from 'ce-broker-proto';
import type { Envelope } from './envelope.js';
import { EventTypes } from './event-types.js';
import { FastScan } from './fast-scan.js';
import { scanSlowly } from './slow-scan.js';

/**
 * Reads envelopes from raw bytes. One per broker: it keeps the strings that come again and again.
 *
 * A message as the SDKs write it is read in one pass over its bytes, without touching the payload. Whatever is out of the
 * ordinary (structured mode, unprefixed names, text outside ASCII where it matters, unknown fields, every defect) goes
 * through the full decoder of ce-broker-proto instead, which alone decides what is refused and how the error reads.
 */
export class Scanner {
  readonly #types: EventTypes;
  readonly #fast: FastScan;

  /** @param share as of {@link EventTypes} */
  constructor(share?: (dataType: string) => string) {
    this.#types = new EventTypes(share);
    this.#fast = new FastScan(this.#types);
  }

  /** The envelope of a PublishRequest's event. Throws CeBrokerError `invalid_argument`, with the field named. */
  scanPublishRequest(request: Uint8Array): Envelope {
    const bytes = asBuffer(request);
    const start = eventStart(bytes);
    return start > 0 ? this.#scan(bytes, start) : this.#scan(decodePublishRequest(bytes), 0);
  }

  /** The envelope of an encoded CloudEvent. Throws CeBrokerError `invalid_argument`, with the field named. */
  scanEvent(event: Uint8Array): Envelope {
    return this.#scan(asBuffer(event), 0);
  }

  /** The event reaches from `begin` to the end of `bytes`. */
  #scan(bytes: Buffer, begin: number): Envelope {
    return (
      this.#fast.scan(bytes, begin) ?? scanSlowly(begin > 0 ? bytes.subarray(begin) : bytes, this.#types)
    );
  }
}

/** Where the event begins in a request that holds an event and nothing else; 0 when it holds anything more or less. */
function eventStart(bytes: Uint8Array): number {
  if (bytes[0] !== 0x0a) return 0;
  let length = 0;
  for (let at = 1, factor = 1; at <= 4; at++, factor *= 0x80) {
    const byte = bytes[at] ?? 0x80;
    length += (byte & 0x7f) * factor;
    if (byte < 0x80) return at + 1 + length === bytes.length ? at + 1 : 0;
  }
  return 0;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
