export {
  agentAt,
  type Changes,
  hubAt,
  Inbox,
  makeAgent,
  makeSource,
  RECONNECT_MS,
  StatusLog,
} from './make.js';
export {
  classCodec,
  DELETED_AT,
  decodePart,
  deleting,
  encodePart,
  eventCodec,
  PARTS,
  type Part,
  PartList,
  PartStore,
  part,
  statusHashOf,
  TOOLS,
  typeOf,
} from './part.js';
export { NO_LIMIT, RawPeer, RIGS, type Rig, type RigKind } from './rig.js';
export {
  ScriptedPublish,
  ScriptedServer,
  ScriptedSubscription,
  type ServerKeys,
  type ServerScript,
} from './scripted-server.js';
