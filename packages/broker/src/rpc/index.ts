export type {
  BidiListener,
  BidiStream,
  BidiStreamMethod,
  HandshakeFailure,
  HandshakeFailureReason,
  RpcEngine,
  RpcEngineOptions,
  RpcEngineStats,
  RpcListenAddress,
  RpcMethod,
  RpcMethods,
  RpcPeer,
  RpcStatus,
  RpcTls,
  ServerStream,
  ServerStreamMethod,
  SocketRpcEngine,
  SocketRpcEngineOptions,
  StreamListener,
  UnaryCall,
  UnaryMethod,
} from './engine.js';
export { type Attachment, type AttachOptions, attachToServer } from './grpc-js/attach.js';
export { GrpcJsEngine, type GrpcJsEngineOptions } from './grpc-js/engine.js';
export { H2Engine, type H2EngineOptions } from './h2/engine.js';
export type { Offender } from './h2/offences.js';
export type { InProcessBidi, InProcessBidiListener } from './in-process/bidi.js';
export { InProcessConnection, InProcessEngine, type InProcessEngineOptions } from './in-process/engine.js';
export type { InProcessStream, InProcessStreamListener } from './in-process/stream.js';
export type { InProcessCall, UnaryDone } from './in-process/unary.js';
export type { PeerCertificateName } from './peer.js';
