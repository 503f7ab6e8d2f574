import { asBuffer, WireReader } from '../codec/wire-reader.js';
import { WireWriter } from '../codec/wire-writer.js';

/** What a broker is and offers: the answer to `Describe`. */
export interface BrokerDescription {
  readonly version: string;
  /** Names one unbroken line of positions. */
  readonly epoch: string;
  /** The newest durable position. */
  readonly position: number;
  /** See `ExtensionFeature`; there may be others. */
  readonly features: readonly string[];
  readonly limits: BrokerLimits;
}

/** Bounds that a broker holds its clients to: sizes in bytes, times in milliseconds; 0: it does not say. */
export interface BrokerLimits {
  /** The largest message that it takes. */
  readonly maxMessageBytes: number;
  /** Event bytes that one stream of publishes may have unanswered. */
  readonly publishWindowBytes: number;
  readonly publishTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** The largest event that every subscriber is expected to take. */
  readonly receiverMaxBytes: number;
}

const LIMITS = [
  'maxMessageBytes',
  'publishWindowBytes',
  'publishTimeoutMs',
  'heartbeatIntervalMs',
  'receiverMaxBytes',
] as const satisfies readonly (keyof BrokerLimits)[];

/** The bytes of a DescribeResponse. */
export function encodeDescription(description: BrokerDescription): Buffer {
  const writer = new WireWriter(256)
    .stringField(1, description.version, 'version')
    .stringField(2, description.epoch, 'epoch')
    .countField(3, description.position);
  for (const feature of description.features) writer.stringField(4, feature, 'features');
  const limits = new WireWriter(64);
  for (const [index, name] of LIMITS.entries()) limits.countField(index + 1, description.limits[name]);
  return writer.bytesField(5, limits.finish()).finish();
}

/** Reads a DescribeResponse; what is absent is empty or 0. Throws `invalid_argument` naming the field. */
export function decodeDescription(bytes: Uint8Array): BrokerDescription {
  const reader = new WireReader(asBuffer(bytes), 0, bytes.length, 'description');
  let [version, epoch, position] = ['', '', 0];
  const features: string[] = [];
  let limits = readLimits(undefined);
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) version = reader.string(tag, 'version');
    else if (tag >>> 3 === 2) epoch = reader.string(tag, 'epoch');
    else if (tag >>> 3 === 3) position = reader.count(tag, 'position');
    else if (tag >>> 3 === 4) features.push(reader.string(tag, 'features'));
    else if (tag >>> 3 === 5) limits = readLimits(reader.message(tag, 'limits'));
    else reader.skip(tag);
  }
  return { version, epoch, position, features, limits };
}

function readLimits(reader: WireReader | undefined): BrokerLimits {
  const limits = {
    maxMessageBytes: 0,
    publishWindowBytes: 0,
    publishTimeoutMs: 0,
    heartbeatIntervalMs: 0,
    receiverMaxBytes: 0,
  };
  while (reader !== undefined && !reader.done) {
    const tag = reader.tag();
    const name = LIMITS[(tag >>> 3) - 1];
    if (name === undefined) reader.skip(tag);
    else limits[name] = reader.count(tag, name);
  }
  return limits;
}
