export type {
  RpcEngine,
  RpcEngineOptions,
  RpcEngineStats,
  RpcListenAddress,
  RpcMethods,
  RpcPeer,
  RpcStatus,
  RpcTls,
  ServerStream,
  ServerStreamMethod,
  StreamListener,
  UnaryCall,
  UnaryMethod,
} from './engine.js';
export { GrpcJsEngine, type GrpcJsEngineOptions } from './grpc-js/engine.js';
export type { PeerCertificateName } from './peer.js';
