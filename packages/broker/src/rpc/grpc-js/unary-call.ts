import type { ServerHttp2Stream } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';
import type { RpcPeer, RpcStatus, UnaryCall } from '../engine.js';
import { STATUS_OK, statusText } from '../status.js';
import { type CallPort, isWritable } from './call-port.js';
import { frameMessage } from './frames.js';
import { headerOf } from './metadata.js';

/** Only ever read, so one serves every answer. */
const NO_HEADERS = new Metadata();

/** A unary call on grpc-js. Header block, message and trailers of an answer are handed over in one turn. */
export class GrpcUnaryCall implements UnaryCall {
  readonly peer: RpcPeer;
  private readonly port: CallPort;
  private readonly native: ServerHttp2Stream | undefined;
  private readonly metadata: Metadata;
  private answered = false;

  constructor(port: CallPort, native: ServerHttp2Stream | undefined, peer: RpcPeer, metadata: Metadata) {
    this.port = port;
    this.native = native;
    this.peer = peer;
    this.metadata = metadata;
  }

  header(name: string): string | undefined {
    return headerOf(this.metadata, name);
  }

  reply(message: Uint8Array): void {
    if (this.answered) return;
    this.answered = true;
    const { native, port } = this;
    if (native === undefined) {
      const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
      port.sendMessage(bytes, () => port.sendStatus({ code: STATUS_OK, details: 'OK' }));
      return;
    }
    if (!isWritable(native)) return;
    port.sendMetadata(NO_HEADERS);
    native.write(frameMessage(message));
    port.sendStatus({ code: STATUS_OK, details: 'OK' });
  }

  fail(code: RpcStatus, message: string): void {
    if (this.answered) return;
    this.answered = true;
    this.port.sendStatus({ code, details: statusText(message) });
  }
}
