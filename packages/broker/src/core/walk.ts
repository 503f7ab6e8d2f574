/** The turn of the event loop in which a part of the work is done. */
export interface Turn {
  now: number;
  /** What is to be done at the end of each turn but the last. */
  atEnd?: () => void;
}

/** Work over many resources: one step for each that is looked at. */
export type Walk = Generator<undefined, void>;
