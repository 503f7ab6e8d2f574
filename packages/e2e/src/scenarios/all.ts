import type { Scenario } from '../run.js';
import { blackHole } from './black-hole.js';
import { bytes } from './bytes.js';
import { drain } from './drain.js';
import { flap } from './flap.js';
import { frozenSubscriber } from './frozen-subscriber.js';
import { idleFan } from './idle-fan.js';
import { incarnations } from './incarnations.js';
import { lostPublishes } from './lost-publishes.js';
import { massStall } from './mass-stall.js';
import { size } from './size.js';
import { storm } from './storm.js';
import { wipedStore } from './wiped-store.js';

/** Every scenario, by its number in docs/reliability.md. */
export const SCENARIOS: readonly Scenario[] = Object.freeze([
  frozenSubscriber,
  massStall,
  idleFan,
  storm,
  wipedStore,
  bytes,
  size,
  blackHole,
  flap,
  drain,
  incarnations,
  lostPublishes,
]);
