import type { ServerHttp2Stream } from 'node:http2';
import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { type CallPort, nativeStream } from './call-port.js';

/** A way to answer a call, and the HTTP/2 stream beneath it where grpc-js lets it be reached. */
export interface SurfacePort {
  readonly port: CallPort;
  readonly native: ServerHttp2Stream | undefined;
}

/** For the call object that grpc-js gives to the handler of a server stream, or of one in both directions. */
export function surfacePort(
  call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
): SurfacePort {
  const inner = innerCall(call);
  if (inner !== undefined) return inner;
  return {
    native: undefined,
    port: {
      sendMetadata: (metadata) => call.sendMetadata(metadata),
      sendMessage: (message, sent) => call.write(message, sent),
      // grpc-js takes the status of a stream from its error event; it is sent after what was written.
      sendStatus: (status) => call.emit('error', status),
    },
  };
}

/** For the call object that grpc-js gives to a unary handler. */
export function unarySurfacePort(
  call: ServerUnaryCall<Buffer, Buffer>,
  answer: sendUnaryData<Buffer>,
): SurfacePort {
  const inner = innerCall(call);
  if (inner !== undefined) return inner;
  let reply: Buffer | undefined;
  return {
    native: undefined,
    port: {
      sendMetadata: (metadata) => call.sendMetadata(metadata),
      // The callback sends the message and its OK together: the message waits for its status, which follows at once.
      sendMessage: (message, sent) => {
        reply = message;
        sent();
      },
      sendStatus: (status) => answer(reply === undefined ? status : null, reply),
    },
  };
}

/**
 * The intercepting call in the (private) field `call` of a handler's call object: taken only when it is the one right above
 * HTTP/2. If it is some interceptor's, the messages must go through that, so the public methods are used instead.
 */
function innerCall(surface: object): SurfacePort | undefined {
  const inner: unknown = Reflect.get(surface, 'call');
  if (!isCallPort(inner)) return undefined;
  const native = nativeStream(inner);
  return native === undefined ? undefined : { port: inner, native };
}

function isCallPort(value: unknown): value is CallPort {
  if (typeof value !== 'object' || value === null) return false;
  const call = value as Partial<CallPort>;
  return (
    typeof call.sendMetadata === 'function' &&
    typeof call.sendMessage === 'function' &&
    typeof call.sendStatus === 'function'
  );
}
