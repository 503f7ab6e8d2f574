import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/**
 * Compressed requests are where little input makes much work. grpc-js stops inflating at the message limit, but it inflates
 * every message of a DATA frame at once, before anybody can say that one was expected: 16 KiB of tiny messages are hundreds
 * of decompressors, tens of megabytes. So calls that announce a compression are counted, and take one message.
 *
 * Both facts sit in private fields of grpc-js. Where a version has them elsewhere, calls go on unguarded, and a test fails.
 */
export function isCompressed(call: ServerInterceptingCallInterface): boolean {
  const encoding: unknown = Reflect.get(call, 'incomingEncoding');
  return typeof encoding === 'string' && encoding !== 'identity';
}

/** Makes grpc-js answer RESOURCE_EXHAUSTED, before it inflates anything, when more than one message comes. */
export function takeOneMessage(call: ServerInterceptingCallInterface): void {
  const decoder: unknown = Reflect.get(call, 'decoder');
  if (!isDecoder(decoder)) return;
  let messages = 0;
  Reflect.set(call, 'decoder', {
    write(data: Buffer): Buffer[] {
      const found = decoder.write(data);
      messages += found.length;
      if (messages > 1) throw new Error('one request message was expected, more came');
      return found;
    },
  });
}

interface Decoder {
  write(data: Buffer): Buffer[];
}

function isDecoder(value: unknown): value is Decoder {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<Decoder>).write === 'function'
  );
}
