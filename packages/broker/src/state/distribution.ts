/** How often something had which size or took how long: numbers only, added up where it happens and read when somebody looks. */
export class Distribution {
  readonly bounds: readonly number[];
  /** By bucket, not cumulative; the last is for what is above all bounds. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  /** @param bounds upper bounds of the buckets, ascending; durations are in seconds */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** Adds what was counted elsewhere, with the same bounds. */
  addAll(other: Distribution): void {
    for (const [index, count] of other.counts.entries())
      this.counts[index] = (this.counts[index] ?? 0) + count;
    this.sum += other.sum;
    this.count += other.count;
  }

  add(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.sum += value;
    this.count += 1;
  }
}
