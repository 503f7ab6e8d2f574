export { BrokerCore, type BrokerCoreParts } from './broker-core.js';
export type { Core } from './core.js';
export type { HeldDeletions, MassDeletion } from './deletion-guard.js';
export { type Hold, type HoldTarget, nameOf } from './holds.js';
export { countHeldDeletions } from './mass-deletion.js';
export { type CoreOptions, DEFAULT_CORE_OPTIONS } from './options.js';
export type { CoreNote, CorePort, PublishCall, ServiceHook } from './port.js';
export type { Subscription } from './subscribe.js';
export type { Point, Watching, WatchWish } from './watch.js';
