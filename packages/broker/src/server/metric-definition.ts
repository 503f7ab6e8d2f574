export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** One metric that is read from `From` when somebody scrapes. */
export interface MetricDefinition<From> {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  /** Empty: there is nothing to say at present. */
  read(from: From): readonly Sample[];
}

/** A metric without labels; undefined: there is nothing to say. */
export function plain<From>(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (from: From) => number | undefined,
): MetricDefinition<From> {
  return {
    name: `ce_broker_${name}`,
    type,
    help,
    labels: [],
    read: (from) => {
      const value = read(from);
      return value === undefined ? [] : [[{}, value]];
    },
  };
}

/** A metric with one label. */
export function by<From>(
  type: 'counter' | 'gauge',
  label: string,
  name: string,
  help: string,
  read: (from: From) => Iterable<readonly [string, number]>,
): MetricDefinition<From> {
  return {
    name: `ce_broker_${name}`,
    type,
    help,
    labels: [label],
    read: (from) => Array.from(read(from), ([key, value]) => [{ [label]: key }, value] as const),
  };
}
