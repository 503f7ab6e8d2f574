import type { Cell } from '../state/resource.js';

/** What may not be delivered at present, although it is there: an operator holds it. */
export interface Holding {
  /** False while nothing at all is held: delivery then asks no further. */
  readonly any: boolean;
  covers(cell: Cell): boolean;
}
