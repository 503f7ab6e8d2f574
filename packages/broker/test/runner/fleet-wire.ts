import { type EventFields, publishRequest } from './events.js';
import type { World } from './world.js';

/** What the sources and agents of a fleet share: the broker between them, and what is written down. */
export class FleetWire {
  /** What happened, in the words of the rule scripts. */
  readonly script: string[] = [];
  readonly faults: string[] = [];
  readonly type: string;
  readonly world: World;
  /** How often the broker has lost what it knew. */
  restarts = 0;
  #ids = 0;

  constructor(type: string, world: World) {
    this.type = type;
    this.world = world;
  }

  publish(fields: EventFields): boolean {
    const answer = this.world.publish(publishRequest(fields));
    if (answer.code !== 0) this.faults.push(`refused: ${answer.message}`);
    return answer.code === 0;
  }

  /** Clocks go on between two events. */
  stamp(): number {
    this.world.now += 1;
    return this.world.now;
  }

  newId(): string {
    this.#ids += 1;
    return `f${this.#ids}`;
  }

  isHere(label: string): boolean {
    return this.world.subscribers.has(label);
  }

  isOrphan(cluster: string, id: string): boolean {
    for (const partition of this.world.core.view.table.ofCluster(cluster, '')) {
      if (partition.orphans.has(id)) return true;
    }
    return false;
  }
}
