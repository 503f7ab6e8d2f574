import type { ServerHttp2Stream } from 'node:http2';
import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** What a call object needs from grpc-js to answer. grpc-js's own intercepting call has this shape. */
export interface CallPort {
  sendMetadata(metadata: Metadata): void;
  /** `sent` is called once the message has left the process. */
  sendMessage(message: Buffer, sent: () => void): void;
  sendStatus(status: { code: number; details: string }): void;
}

/**
 * The HTTP/2 stream beneath a grpc-js call, where grpc-js keeps it in the (private) field `stream`.
 *
 * Why reach for it: `sendMessage` costs one HTTP/2 write and one callback for each message, while a subscriber that is owed
 * twenty messages needs one write. It is also the only way to a call's session, which GOAWAY is sent on, and to its count of
 * unsent bytes. Nothing else is taken: headers and status still go through grpc-js, so its own state stays right.
 *
 * The shape is checked for each call. A grpc-js without this field (or a call wrapped by somebody's interceptor, which must
 * see the messages) gives undefined, and the callers then use the public `sendMessage`.
 */
export function nativeStream(
  call: CallPort | ServerInterceptingCallInterface,
): ServerHttp2Stream | undefined {
  const stream: unknown = Reflect.get(call, 'stream');
  return isServerHttp2Stream(stream) ? stream : undefined;
}

function isServerHttp2Stream(value: unknown): value is ServerHttp2Stream {
  if (typeof value !== 'object' || value === null) return false;
  const stream = value as Partial<ServerHttp2Stream>;
  return (
    typeof stream.write === 'function' &&
    typeof stream.respond === 'function' &&
    typeof stream.close === 'function' &&
    typeof stream.writableLength === 'number'
  );
}

/** True while bytes may still be written to the stream: writing after its end would destroy it. */
export function isWritable(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed && !stream.writableEnded;
}
