import { CeBrokerError, type CloudEventsDataType } from 'ce-broker-proto';
import type { AnyCodec, Codec, EventCodec } from '../generic/codec.js';
import type { ResourceObject } from '../generic/resource.js';

/** The codecs of a client, by data type; all of them in the exact form. */
export class CodecSet<T extends ResourceObject> {
  readonly #codecs: ReadonlyMap<string, EventCodec<T>>;

  private constructor(codecs: ReadonlyMap<string, EventCodec<T>>) {
    this.#codecs = codecs;
  }

  /** Of two codecs of one data type the last counts. Loads the `cloudevents` package only when a codec needs it. */
  static async of<T extends ResourceObject>(codecs: readonly AnyCodec<T>[]): Promise<CodecSet<T>> {
    const byType = new Map<string, EventCodec<T>>();
    for (const codec of codecs) {
      byType.set(codec.dataType.toString(), isEventCodec(codec) ? codec : await exact(codec));
    }
    return new CodecSet(byType);
  }

  /** Throws `invalid_argument` that names the types that there are. */
  need(dataType: CloudEventsDataType): EventCodec<T> {
    const codec = this.#codecs.get(String(dataType));
    if (codec !== undefined) return codec;
    const known = [...this.#codecs.keys()].join(', ');
    throw new CeBrokerError(
      'invalid_argument',
      `there is no codec for the data type ${dataType}; this client has: ${known}`,
      { field: 'codecs' },
    );
  }

  get dataTypes(): CloudEventsDataType[] {
    return [...this.#codecs.values()].map((codec) => codec.dataType);
  }
}

function isEventCodec<T extends ResourceObject>(codec: AnyCodec<T>): codec is EventCodec<T> {
  return 'encodeEvent' in codec && 'decodeEvent' in codec;
}

async function exact<T extends ResourceObject>(codec: Codec<T>): Promise<EventCodec<T>> {
  const { fromCloudEvent, toCloudEvent } = await import('ce-broker-proto/cloudevents');
  return {
    dataType: codec.dataType,
    encodeEvent: (source, eventType, resource) => fromCloudEvent(codec.encode(source, eventType, resource)),
    decodeEvent: (event) => codec.decode(toCloudEvent(event)),
  };
}
