import { Histogram } from 'prom-client';
import type { Distribution } from '../state/distribution.js';

/** A histogram that was counted elsewhere: prom-client's own would have to be told of each observation. */
export class ReadHistogram extends Histogram<string> {
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => readonly (readonly [Readonly<Record<string, string>>, Distribution])[];

  constructor(
    name: string,
    help: string,
    labelNames: readonly string[],
    buckets: readonly number[],
    read: () => readonly (readonly [Readonly<Record<string, string>>, Distribution])[],
  ) {
    super({ name, help, labelNames, buckets: [...buckets], registers: [] });
    this.#name = name;
    this.#help = help;
    this.#read = read;
  }

  async getForPromString(): Promise<object> {
    const values = this.#read().flatMap(([labels, durations]) => this.#lines(labels, durations));
    return { name: this.#name, help: this.#help, type: 'histogram', values, aggregator: 'sum' };
  }

  #lines(labels: Readonly<Record<string, string>>, { bounds, counts, sum, count }: Distribution): object[] {
    let total = 0;
    const buckets = bounds.map((bound, index) => {
      total += counts[index] ?? 0;
      return { metricName: `${this.#name}_bucket`, labels: { ...labels, le: goNumber(bound) }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${this.#name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
      { metricName: `${this.#name}_sum`, labels, value: sum },
      { metricName: `${this.#name}_count`, labels, value: count },
    ];
  }
}

/** As Go's Prometheus client writes a bound: `1e-06`, not `0.000001`. */
function goNumber(bound: number): string {
  if (bound === 0 || bound >= 1e-4) return String(bound);
  const [digits = '', exponent = ''] = bound.toExponential().split('e-');
  return `${digits}e-${exponent.padStart(2, '0')}`;
}
