import { randomUUID } from 'node:crypto';
import { GRPC_PREFIX } from './raw-stream.js';

/** What the events of a run look like. */
export interface EventShape {
  /** `spec`: as a source publishes; `status`: as an agent does. */
  readonly kind: 'spec' | 'status';
  /** The source that owns the resources. */
  readonly source: string;
  /** `<group>.<version>.<resource>`. */
  readonly dataType: string;
  /** Bytes of data, at least 64; a JSON object padded to exactly this size. */
  readonly payloadBytes: number;
  /** Resource `n` belongs to cluster `n` modulo this. */
  readonly clusters: number;
  /** First 24 characters of every resource id; the last twelve are the number of the resource. */
  readonly resourcePrefix: string;
}

/** Where in a template the parts lie that change from event to event. */
interface Places {
  id: number;
  action: number;
  cluster: number;
  resource: number;
  sequence: number;
  stamp: number;
  agent: number;
}

interface Template {
  readonly bytes: Buffer;
  readonly at: Places;
  readonly versionAt: number;
}

const CLUSTER_DIGITS = 5;
const STAMP_DIGITS = 16;
/** `{"stamp":"` before the stamp in the data. */
const STAMP_OFFSET = 10;
const RUN_OFFSET = STAMP_OFFSET + STAMP_DIGITS + 9;
const RUN_DIGITS = 8;
const MIN_PAYLOAD = 64;
const MAX_PAYLOAD = 64 * 1024 * 1024;

export function clusterName(index: number): string {
  return `cluster-${String(index).padStart(CLUSTER_DIGITS, '0')}`;
}

/**
 * Builds PublishRequests with their gRPC prefix, shaped as the Go SDK encodes them: seven attributes, and about 1,4 KB at
 * 1 KiB of data. A template per width of the version is built once; an event is a few bytes patched into it.
 */
export class EventTemplate {
  #shape: EventShape;
  #templates: (Template | undefined)[] = [];
  #idPrefix = randomUUID().slice(0, 24);
  #run = randomUUID().slice(0, RUN_DIGITS);
  #runBytes = Buffer.from(this.#run, 'latin1');
  #count = 0;

  constructor(shape: EventShape) {
    this.#shape = shape;
    if (!(shape.payloadBytes >= MIN_PAYLOAD && shape.payloadBytes <= MAX_PAYLOAD)) {
      throw new RangeError(
        `payloadBytes must be ${MIN_PAYLOAD} to ${MAX_PAYLOAD}, not ${shape.payloadBytes}`,
      );
    }
  }

  /** Bytes of one whole event (the CloudEvent message, without wrapping) at version 1. */
  get eventBytes(): number {
    const { bytes } = this.#template(1);
    // Behind the prefix come one byte of tag and the length as a varint.
    let at = GRPC_PREFIX + 1;
    while ((bytes[at] ?? 0) >= 0x80) at += 1;
    return bytes.length - at - 1;
  }

  /**
   * The next event: version `version` of resource `resource`, stamped with `stamp` (whole microseconds). The buffer is
   * used again by the next call. The first version is a create_request, later ones are update_requests.
   */
  next(resource: number, version: number, stamp: number): Buffer {
    const { bytes, at, versionAt } = this.#template(version);
    this.#count += 1;
    writeHex(bytes, at.id, 12, this.#count);
    writeHex(bytes, at.resource, 12, resource);
    const cluster = resource % this.#shape.clusters;
    writeDecimal(bytes, at.cluster, CLUSTER_DIGITS, cluster);
    bytes.write(version === 1 ? 'create' : 'update', at.action, 'latin1');
    writeVarint(bytes, versionAt, version);
    writeDecimal(bytes, at.stamp, STAMP_DIGITS, stamp);
    if (at.sequence >= 0) writeDecimal(bytes, at.sequence, STAMP_DIGITS, this.#count);
    if (at.agent >= 0) writeDecimal(bytes, at.agent, CLUSTER_DIGITS, cluster);
    return bytes;
  }

  /** The stamp of a delivered CloudEvent of this run; -1 for a heartbeat, and for what other runs left behind. */
  readStamp(bytes: Buffer, start: number, end: number): number {
    const data = findData(bytes, start, end);
    if (data < 0 || data + RUN_OFFSET + RUN_DIGITS > end) return -1;
    for (let digit = 0; digit < RUN_DIGITS; digit++) {
      if (bytes[data + RUN_OFFSET + digit] !== this.#runBytes[digit]) return -1;
    }
    let stamp = 0;
    for (let digit = 0; digit < STAMP_DIGITS; digit++) {
      stamp = stamp * 10 + ((bytes[data + STAMP_OFFSET + digit] ?? 48) - 48);
    }
    return stamp;
  }

  #template(version: number): Template {
    const width = varintLength(version);
    const existing = this.#templates[width];
    if (existing !== undefined) return existing;
    const built = this.#build(width);
    this.#templates[width] = built;
    return built;
  }

  #build(versionWidth: number): Template {
    const { kind, source, dataType, resourcePrefix, payloadBytes } = this.#shape;
    const status = kind === 'status';
    const head = `{"stamp":"${'0'.repeat(STAMP_DIGITS)}","run":"${this.#run}","pad":"`;
    const data = `${head}${'x'.repeat(payloadBytes - head.length - 2)}"}`;
    const version = Buffer.alloc(versionWidth + 1, 0x80);
    version[0] = 0x10;
    version[versionWidth] = 0;
    const event = Buffer.concat([
      text(1, `${this.#idPrefix}${'0'.repeat(12)}`),
      text(2, status ? `${clusterName(0)}-agent` : source),
      text(3, '1.0'),
      text(4, `${dataType}.${kind}.create_request`),
      attribute('ce-resourceid', text(3, `${resourcePrefix}${'0'.repeat(12)}`)),
      attribute('ce-resourceversion', version),
      attribute('ce-clustername', text(3, clusterName(0))),
      attribute('ce-originalsource', text(3, source)),
      attribute('ce-time', field(7, timestamp(Date.now()))),
      status
        ? attribute('ce-sequenceid', text(3, '0'.repeat(STAMP_DIGITS)))
        : attribute('ce-logtracing', text(3, '{}')),
      attribute('contenttype', text(3, 'application/json')),
      text(6, data),
    ]);
    const request = field(1, event);
    const bytes = Buffer.alloc(GRPC_PREFIX + request.length);
    bytes.writeUInt32BE(request.length, 1);
    request.copy(bytes, GRPC_PREFIX);
    const find = (what: string) => bytes.indexOf(what, 0, 'latin1');
    const after = (what: string, skip: number) => find(what) + what.length + skip;
    return {
      bytes,
      // Behind an attribute's key come: tag and length of the value message, tag and length of the value itself.
      versionAt: after('ce-resourceversion', 3),
      at: {
        id: find(this.#idPrefix) + 24,
        action: find(`.${kind}.create_request`) + kind.length + 2,
        cluster: after('ce-clustername', 4) + 'cluster-'.length,
        resource: after('ce-resourceid', 4) + resourcePrefix.length,
        sequence: status ? after('ce-sequenceid', 4) : -1,
        agent: status ? find('cluster-') + 'cluster-'.length : -1,
        stamp: bytes.length - payloadBytes + STAMP_OFFSET,
      },
    };
  }
}

/** A SubscriptionRequest with its gRPC prefix. */
export function subscriptionRequest(request: {
  source?: string;
  cluster?: string;
  dataType: string;
}): Buffer {
  const message = Buffer.concat([
    request.source === undefined ? Buffer.alloc(0) : text(1, request.source),
    request.cluster === undefined ? Buffer.alloc(0) : text(2, request.cluster),
    text(3, request.dataType),
  ]);
  const bytes = Buffer.alloc(GRPC_PREFIX + message.length);
  bytes.writeUInt32BE(message.length, 1);
  message.copy(bytes, GRPC_PREFIX);
  return bytes;
}

/** Where the data of a CloudEvent begins (binary_data or text_data); -1 when there is none. */
function findData(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const tag = bytes[at] ?? 0;
    if ((tag & 7) !== 2) return -1;
    at += 1;
    let length = bytes[at] ?? 0;
    at += 1;
    if (length >= 0x80) {
      length &= 0x7f;
      for (let factor = 128; ; factor *= 128) {
        const byte = bytes[at] ?? 0;
        at += 1;
        length += (byte & 0x7f) * factor;
        if (byte < 0x80) break;
      }
    }
    if (tag === 0x32 || tag === 0x3a) return at;
    at += length;
  }
  return -1;
}

function attribute(name: string, value: Buffer): Buffer {
  return field(5, Buffer.concat([text(1, name), field(2, value)]));
}

function text(number: number, value: string): Buffer {
  return field(number, Buffer.from(value, 'utf8'));
}

function field(number: number, content: Buffer): Buffer {
  const head = Buffer.alloc(1 + varintLength(content.length));
  head[0] = (number << 3) | 2;
  writeVarint(head, 1, content.length);
  return Buffer.concat([head, content]);
}

function timestamp(now: number): Buffer {
  const seconds = Math.floor(now / 1000);
  const nanos = 100_000_000 + (now % 1000) * 100_000;
  const bytes = Buffer.alloc(2 + varintLength(seconds) + varintLength(nanos));
  bytes[0] = 0x08;
  writeVarint(bytes, 1, seconds);
  bytes[1 + varintLength(seconds)] = 0x10;
  writeVarint(bytes, 2 + varintLength(seconds), nanos);
  return bytes;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

function writeVarint(bytes: Buffer, at: number, value: number): void {
  while (value >= 128) {
    bytes[at++] = (value % 128) | 0x80;
    value = Math.floor(value / 128);
  }
  bytes[at] = value;
}

function writeHex(bytes: Buffer, at: number, digits: number, value: number): void {
  for (let place = at + digits - 1; place >= at; place--) {
    const digit = value % 16;
    bytes[place] = digit < 10 ? 48 + digit : 87 + digit;
    value = Math.floor(value / 16);
  }
}

function writeDecimal(bytes: Buffer, at: number, digits: number, value: number): void {
  for (let place = at + digits - 1; place >= at; place--) {
    bytes[place] = 48 + (value % 10);
    value = Math.floor(value / 10);
  }
}
