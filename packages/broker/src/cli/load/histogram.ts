/** Sub-buckets per power of two: a recorded value is off by less than 1/128, that is 0.8 %. */
const SUB_BITS = 7;
const SUB_COUNT = 1 << SUB_BITS;
const MAX_VALUE = 2 ** 32 - 1;

/**
 * Counts values (microseconds here) in buckets whose width grows with the value, after the idea of HdrHistogram:
 * fixed memory, no allocation per value, percentiles within 0.8 %.
 */
export class Histogram {
  #counts = new Float64Array((32 - SUB_BITS + 1) * SUB_COUNT);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get max(): number {
    return this.#max;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  record(value: number): void {
    const whole = value < 0 ? 0 : value > MAX_VALUE ? MAX_VALUE : Math.floor(value);
    const index = bucketOf(whole);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count += 1;
    this.#sum += whole;
    if (whole > this.#max) this.#max = whole;
  }

  /** The value that `percent` per cent of all values do not exceed; 0 when nothing was recorded. */
  percentile(percent: number): number {
    if (this.#count === 0) return 0;
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index] ?? 0;
      if (seen >= wanted) return Math.min(highestIn(index), this.#max);
    }
    return this.#max;
  }
}

function bucketOf(value: number): number {
  if (value < SUB_COUNT) return value;
  const shift = 31 - Math.clz32(value) - SUB_BITS;
  return (shift + 1) * SUB_COUNT + ((value >>> shift) - SUB_COUNT);
}

function highestIn(index: number): number {
  if (index < SUB_COUNT) return index;
  const shift = Math.floor(index / SUB_COUNT) - 1;
  const lowest = (SUB_COUNT + (index % SUB_COUNT)) * 2 ** shift;
  return lowest + 2 ** shift - 1;
}
