export { failure, shown } from './failure.js';
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
export { specQuestion, statusQuestion } from './questions.js';
export { NO_LIMIT, RawPeer, RIGS, type Rig } from './rig.js';
export {
  ScriptedServer,
  ScriptedSubscription,
} from './scripted-server.js';
