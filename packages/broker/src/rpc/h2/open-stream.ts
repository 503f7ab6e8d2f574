import { STATUS_UNIMPLEMENTED } from '../status.js';
import type { ConnectionHost } from './connection-host.js';
import { requestHead } from './grpc/request-head.js';
import type { HeaderBlock } from './hpack/header-block.js';
import type { OpenStreams } from './open-streams.js';
import { AnswerStream, type Refusal } from './streams/answer-stream.js';
import { H2BidiStream } from './streams/bidi-stream.js';
import type { CallHead } from './streams/call-head.js';
import type { StreamOwner } from './streams/owner.js';
import { H2ServerStream } from './streams/server-stream.js';
import type { H2Stream } from './streams/stream.js';
import { UnaryStream } from './streams/unary-stream.js';

/** The connection that a stream is opened on. */
export interface OpeningConnection extends StreamOwner {
  readonly host: ConnectionHost;
  readonly streams: OpenStreams;
  inFlight: number;
}

/**
 * Opens the stream that a request head asks for (RFC 9113 §8.3; gRPC over HTTP/2, "Requests"), and answers at once what is no call of
 * ours. Undefined: the request is malformed (§8.1.1).
 */
export function openStream(
  connection: OpeningConnection,
  streamId: number,
  endStream: boolean,
  block: HeaderBlock,
): H2Stream | undefined {
  const head = requestHead(block);
  if (head.kind === 'malformed') return undefined;
  if (head.kind === 'refused') {
    if (endStream && (head.contentLength ?? 0) > 0) return undefined;
    return answer(connection, streamId, endStream, block, head);
  }
  if (endStream && (head.contentLength ?? 0) > 0) return undefined;
  return openCall(connection, streamId, endStream, head);
}

function openCall(
  connection: OpeningConnection,
  streamId: number,
  endStream: boolean,
  head: CallHead,
): H2Stream {
  const { deadlines, methods } = connection.host;
  const method = methods.get(head.path);
  if (method === undefined) {
    const message = `The server does not implement the method ${clipped(head.path)}`;
    const refusal = { httpStatus: 200, grpcStatus: STATUS_UNIMPLEMENTED, message, extra: [] };
    const { block, contentLength } = head;
    return answer(connection, streamId, endStream, block, { ...refusal, contentLength });
  }
  let stream: UnaryStream | H2ServerStream | H2BidiStream;
  switch (method.kind) {
    case 'unary':
      stream = new UnaryStream(connection, streamId, head, method);
      connection.inFlight += 1;
      break;
    case 'server-stream':
      stream = new H2ServerStream(connection, streamId, head, method);
      break;
    case 'bidi-stream':
      stream = new H2BidiStream(connection, streamId, head, method);
      break;
  }
  admit(connection, stream, endStream);
  if (head.timeoutMs === 0) {
    stream.expired();
    return stream;
  }
  if (head.timeoutMs !== undefined) {
    stream.deadlineAt = connection.now + head.timeoutMs;
    deadlines.add(stream, connection.now);
  }
  if (!stream.withinBudget()) return stream;
  if (stream instanceof H2BidiStream) stream.open();
  if (endStream) stream.halfClosed();
  return stream;
}

function answer(
  connection: OpeningConnection,
  streamId: number,
  endStream: boolean,
  block: HeaderBlock,
  refusal: Refusal,
): H2Stream {
  const stream = admit(connection, new AnswerStream(connection, streamId, block, refusal), endStream);
  stream.begin();
  return stream;
}

function admit<S extends H2Stream>(connection: OpeningConnection, stream: S, endStream: boolean): S {
  stream.remoteClosed = endStream;
  connection.streams.add(stream);
  return stream;
}

/** It goes back in a header, and receivers bound theirs. */
function clipped(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}...` : path;
}
