export { BrokerProcess, type BrokerStart, brokerCommand } from './broker-process.js';
export { Cable } from './cable.js';
export {
  ClientAgent,
  type ClientAgentOptions,
  type ClientPeerOptions,
  ClientSource,
} from './client-peers.js';
export { type Answer, GO_RECEIVE_LIMIT, GrpcConnection, grpcFrame } from './grpc-connection.js';
export { History, type HistoryKind, type HistoryLine, readHistory } from './history.js';
export { LinePeer, type Pattern, type PeerEvent } from './line-peer.js';
export { type AgentOptions, type Held, ModelAgent } from './model-agent.js';
export { ModelPeer, type PeerOptions } from './model-peer.js';
export { ModelSource, type SourceOptions, type Wanted } from './model-source.js';
export {
  buildGoPrograms,
  genericCommand,
  genericFlags,
  goProgram,
  isOwn,
  OWN_VERSIONS,
  PEER_VERSIONS,
  type PeerVersion,
  SDK_VERSIONS,
  type SdkVersion,
} from './programs.js';
export { Random } from './random.js';
export { ABUSES, type Abuse } from './raw-http2/abuses.js';
export { HonestPair } from './raw-http2/honest-pair.js';
export { type Ending, type Frame, RawPeer } from './raw-http2/raw-peer.js';
export {
  type Figures,
  playScenario,
  Run,
  type RunOptions,
  type Scenario,
  seedFromEnvironment,
} from './run.js';
export { SCENARIOS } from './scenarios/all.js';
export { pause, until } from './until.js';
