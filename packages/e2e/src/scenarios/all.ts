import type { Scenario } from '../run.js';
import { amplifiers } from './amplifiers.js';
import { blackHole } from './black-hole.js';
import { bytes } from './bytes.js';
import { certificates } from './certificates.js';
import { clientsFlap } from './clients-flap.js';
import { clientsStorm } from './clients-storm.js';
import { drain } from './drain.js';
import { flap } from './flap.js';
import { frozenSubscriber } from './frozen-subscriber.js';
import { http2Abuse } from './http2-abuse.js';
import { idleFan } from './idle-fan.js';
import { incarnations } from './incarnations.js';
import { livesKept, lostKept, mixedRestartKept, wipedKept } from './kept.js';
import { lostPublishes } from './lost-publishes.js';
import { massStall } from './mass-stall.js';
import { mixedFlap } from './mixed-flap.js';
import { mixedLost } from './mixed-lost.js';
import { mixedRestart } from './mixed-restart.js';
import { size } from './size.js';
import { storeCorrupt } from './store-corrupt.js';
import { storeFull } from './store-full.js';
import { storeKill } from './store-kill.js';
import { storeRecover } from './store-recover.js';
import { storeHeld, storeRestart } from './store-restart.js';
import { storm } from './storm.js';
import { wipedStore } from './wiped-store.js';

/** Every scenario, by its number in docs/reliability.md; a number may have several, and then the model peers come first. */
export const SCENARIOS: readonly Scenario[] = Object.freeze([
  storeKill,
  storeRecover,
  storeRestart,
  storeHeld,
  storeCorrupt,
  storeFull,
  frozenSubscriber,
  massStall,
  idleFan,
  storm,
  wipedStore,
  bytes,
  http2Abuse,
  size,
  certificates,
  blackHole,
  flap,
  drain,
  incarnations,
  lostPublishes,
  amplifiers,
  clientsStorm,
  clientsFlap,
  mixedRestart,
  mixedFlap,
  mixedLost,
  livesKept,
  lostKept,
  wipedKept,
  mixedRestartKept,
]);
