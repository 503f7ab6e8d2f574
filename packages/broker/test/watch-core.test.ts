import {
  decodeEvent,
  encodeEvent,
  encodePublishRequest,
  readResourceId,
  readResourceVersion,
} from 'ce-broker-proto';
import { expect, it } from 'vitest';
import { DataTypePolicies } from '../src/access/data-type-policy.js';
import { ANONYMOUS } from '../src/access/identity.js';
import { BrokerCore } from '../src/core/broker-core.js';
import type { WatchWish } from '../src/core/watch.js';
import type { WatchOutlet } from '../src/delivery/watch-outlet.js';
import type { WatchSession } from '../src/delivery/watch-session.js';
import { MemoryStore } from '../src/state/memory-store.js';
import { type EventParts, eventOf } from './server/support/running.js';

/** What a Watch gets, without a connection: the room that it has is the test's. */
class Taking implements WatchOutlet {
  readonly seen: string[] = [];
  readonly positions: number[] = [];
  caughtUpAfter: number | undefined;
  /** Where to resume. */
  told = 0;
  room = 1_000_000;
  session: WatchSession | undefined;
  #open = 0;

  get hasEvents(): boolean {
    return this.#open > 0;
  }
  writableBytes(): number {
    return this.room;
  }
  next(position: number): void {
    this.positions.push(position);
  }
  write(message: Uint8Array): void {
    const event = decodeEvent(message);
    if (event.type.endsWith('.resync_request')) return;
    this.#open += 1;
    this.room -= message.byteLength;
    const gone = event.extensions.has('deletiontimestamp');
    this.seen.push(`${readResourceId(event)} ${gone ? 'gone' : `v${readResourceVersion(event)}`}`);
  }
  complete(position: number): void {
    this.#open = 0;
    if (position > 0) this.told = position;
  }
  caughtUp(position: number): void {
    this.caughtUpAfter = this.seen.length;
    if (position > 0) this.told = position;
  }
  beat(position: number): void {
    if (position > 0) this.told = position;
  }
  end(): void {}
  endConnection(): void {}
}

class Broker {
  readonly core: BrokerCore;
  now = 1_000;

  constructor() {
    this.core = new BrokerCore({
      store: new MemoryStore('epoch-1'),
      policies: new DataTypePolicies({}),
      port: { wake: () => undefined, newId: () => 'id', note: () => undefined },
      clock: () => this.now,
    });
  }

  say(parts: EventParts): void {
    const request = encodePublishRequest(encodeEvent(eventOf(parts)));
    const call = {
      reply: () => undefined,
      fail: (code: number, message: string) => {
        throw new Error(`${code} ${message}`);
      },
    };
    this.core.publish(call, request, ANONYMOUS, this.now);
  }

  watch(start: WatchWish['start'], room = 1_000_000): Taking {
    const taking = new Taking();
    taking.room = room;
    const wish = { source: '', clusterName: 'c1', dataTypes: [], sources: [], clusters: [], start };
    const watching = this.core.watch(taking, wish, ANONYMOUS, this.now);
    taking.session = watching.session;
    watching.begin();
    return taking;
  }

  /** One job a turn, as the broker runs them. */
  jobs(most = Number.POSITIVE_INFINITY): number {
    let turns = 0;
    while (turns < most && this.core.view.jobs.size > 0) {
      this.core.runJobs(this.now);
      turns += 1;
    }
    return turns;
  }

  leave(taking: Taking): void {
    if (taking.session !== undefined) this.core.closed(taking.session, true);
  }
}

const after = (position: number) => ({ kind: 'after', point: { epoch: 'epoch-1', position } }) as const;
const TYPES = ['example.com.v1.a', 'example.com.v1.b', 'example.com.v1.c'];

it('a long absence is made up for in short turns, in order of position, and live events are not older', () => {
  const broker = new Broker();
  for (let index = 0; index < 12_000; index += 1)
    broker.say({ resourceId: `r${index}`, dataType: TYPES[index % 3] ?? '' });
  const taking = broker.watch({ kind: 'everything' }, 100_000_000);
  expect(broker.jobs(6)).toBe(6);
  expect(taking.seen).toEqual([]);
  // It changes while it is being collected: what is sent is the newest, once.
  broker.say({ resourceId: 'r0', dataType: TYPES[0] ?? '', version: 2 });
  expect(taking.seen).toEqual(['r0 v2']);
  expect(broker.jobs()).toBeGreaterThan(6);
  expect(taking.caughtUpAfter).toBe(12_000);
  const rest = Array.from({ length: 11_999 }, (_, index) => `r${index + 1} v1`);
  expect(taking.seen.slice(1)).toEqual(rest);
  expect(taking.told).toBe(12_001);
});

it('who leaves in the middle of it goes on from there', () => {
  const broker = new Broker();
  for (let index = 0; index < 2_000; index += 1) broker.say({ resourceId: `r${index}` });
  const first = broker.watch({ kind: 'everything' }, 50_000);
  broker.jobs();
  const had = first.seen.length;
  expect(had).toBeGreaterThan(50);
  expect(had).toBeLessThan(1_000);
  expect(first.session?.missing).toBeGreaterThan(500);
  expect(first.told).toBeGreaterThan(0);
  expect(first.told).toBeLessThanOrEqual(had);
  expect(first.positions).toEqual(Array.from({ length: had }, (_, index) => index + 1));
  broker.leave(first);
  broker.say({ resourceId: 'r1', version: 2 });
  const second = broker.watch(after(first.told), 100_000_000);
  broker.jobs();
  expect(second.seen.length).toBe(2_000 - first.told + 1);
  expect(second.seen.at(-1)).toBe('r1 v2');
  expect(second.told).toBe(2_001);
});

it('what was held when it left comes when it is back, though the hold is long gone', () => {
  const broker = new Broker();
  const first = broker.watch({ kind: 'newest' });
  const target = { kind: 'resource', name: 'x', cluster: 'c1', dataType: TYPES[0] ?? '' } as const;
  broker.core.hold(target, { by: 'me', reason: 'test' }, broker.now);
  broker.say({ resourceId: 'x', dataType: TYPES[0] ?? '' });
  broker.say({ resourceId: 'y', dataType: TYPES[0] ?? '' });
  expect(first.seen).toEqual(['y v1']);
  expect(first.told).toBe(0);
  broker.leave(first);
  broker.core.release(target, 'me', broker.now);
  const second = broker.watch(after(first.told));
  broker.jobs();
  expect(second.seen).toEqual(['x v1', 'y v1']);
  expect(second.told).toBe(2);
});

it('a deletion that was missed comes before the life after it, also when that is newer than the subscription', () => {
  const broker = new Broker();
  const gone = { deletiontimestamp: '2026-01-01T00:00:00Z' };
  broker.say({ resourceId: 'x', version: 5 });
  const { position } = broker.core.point;
  broker.say({ resourceId: 'x', version: 5, action: 'delete_request', extensions: gone });
  const taking = broker.watch(after(position));
  // Its deletion is not marked yet, and there is a new life already.
  broker.say({ resourceId: 'x', version: 1 });
  broker.jobs();
  broker.now += 1_000;
  broker.core.tick(broker.now);
  expect(taking.seen).toEqual(['x gone', 'x v1']);
  broker.say({ resourceId: 'x', version: 2 });
  expect(taking.seen).toEqual(['x gone', 'x v1', 'x v2']);
});

it.each(['before it resumes', 'after it has resumed'])(
  'who resumes behind a deletion has seen it: the life that began %s follows at once',
  (when) => {
    const broker = new Broker();
    broker.say({ resourceId: 'a', version: 5 });
    const first = broker.watch({ kind: 'newest' });
    broker.say({
      resourceId: 'a',
      version: 6,
      action: 'delete_request',
      extensions: { deletiontimestamp: '2026-01-01T00:00:00Z' },
    });
    expect(first.seen).toEqual(['a gone']);
    broker.leave(first);
    const again = () => broker.say({ resourceId: 'a', version: 1, action: 'create_request' });
    if (when === 'before it resumes') again();
    broker.now += 1_000;
    const second = broker.watch(after(first.told));
    broker.jobs();
    if (when === 'after it has resumed') again();
    broker.jobs();
    expect(second.seen).toEqual(['a v1']);
  },
);
