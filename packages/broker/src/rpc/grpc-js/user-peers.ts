import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { RpcPeer } from '../engine.js';
import { subjectName } from '../sockets/tls.js';

type SurfaceCall =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;

/**
 * The peers of a server that is not ours: one object per HTTP/2 session. Where the session cannot be reached, each call gets
 * an object of its own, and whoever sits above the seam finds its `context` empty each time.
 */
export class UserPeers {
  private readonly bySession = new WeakMap<Http2Session, RpcPeer>();

  of(call: SurfaceCall, native: ServerHttp2Stream | undefined): RpcPeer {
    const session = native?.session;
    const known = session === undefined ? undefined : this.bySession.get(session);
    if (known !== undefined) return known;
    const certificate = call.getAuthContext().sslPeerCertificate;
    const peer: RpcPeer = {
      address: call.getPeer(),
      certificate: certificate === undefined ? undefined : subjectName(certificate),
      context: undefined,
    };
    if (session !== undefined) this.bySession.set(session, peer);
    return peer;
  }
}
