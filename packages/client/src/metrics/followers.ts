import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CeBrokerError } from 'ce-broker-proto';
import {
  Counter,
  type CounterConfiguration,
  Histogram,
  type HistogramConfiguration,
  type Registry,
} from 'prom-client';

/** A metric that counts what the clients of the process tell on a diagnostics channel, for as long as it is in its registry. */
interface Follower {
  stopFollowing(): void;
}

/** Takes one message. */
type Take<M, V> = (metric: M, message: V) => void;

export class FollowingHistogram<L extends string, V> extends Histogram<L> implements Follower {
  readonly stopFollowing: () => void;

  constructor(
    register: Registry,
    channel: string,
    options: HistogramConfiguration<L>,
    take: Take<Histogram<L>, V>,
  ) {
    super({ ...options, registers: [register] });
    this.stopFollowing = follow<V>(register, channel, options.name, this, (message) => take(this, message));
  }
}

export class FollowingCounter<L extends string, V> extends Counter<L> implements Follower {
  readonly stopFollowing: () => void;

  constructor(
    register: Registry,
    channel: string,
    options: CounterConfiguration<L>,
    take: Take<Counter<L>, V>,
  ) {
    super({ ...options, registers: [register] });
    this.stopFollowing = follow<V>(register, channel, options.name, this, (message) => take(this, message));
  }
}

/** Before any is made, so that either all are or none. Throws `already_exists`. */
export function refuseTwice(register: Registry, names: readonly string[], remove: string): void {
  const there = names.filter((name) => register.getSingleMetric(name) !== undefined);
  if (there.length === 0) return;
  throw new CeBrokerError(
    'already_exists',
    `the registry has ${there.join(' and ')} already: register once, call ${remove} before the next time, or give another Registry`,
    { field: 'register' },
  );
}

/** Takes them out of the registry, and stops them; those that are not there are left alone. */
export function removeAll(register: Registry, names: readonly string[]): void {
  for (const name of names) {
    const metric = register.getSingleMetric(name);
    if (!isFollower(metric)) continue;
    metric.stopFollowing();
    register.removeSingleMetric(name);
  }
}

/** Back to nothing counted. */
export function resetAll(register: Registry, names: readonly string[]): void {
  for (const name of names) {
    const metric = register.getSingleMetric(name);
    if (isFollower(metric)) metric.reset();
  }
}

function follow<V>(
  register: Registry,
  channel: string,
  name: string,
  metric: object,
  take: (message: V) => void,
): () => void {
  const listener = (message: unknown): void => {
    // Its registry was cleared, and nobody will ever unregister it.
    if (register.getSingleMetric(name) !== metric) stop();
    else take(message as V);
  };
  const stop = (): void => {
    unsubscribe(channel, listener);
  };
  subscribe(channel, listener);
  return stop;
}

function isFollower(metric: object | undefined): metric is Follower & { reset(): void } {
  return metric !== undefined && 'stopFollowing' in metric;
}
