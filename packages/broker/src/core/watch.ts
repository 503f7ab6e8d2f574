import { CeBrokerError } from 'ce-broker-proto';
import type { Identity } from '../access/identity.js';
import { Backlog, type Missed } from '../delivery/backlog.js';
import type { SessionFilter } from '../delivery/session-description.js';
import type { WatchOutlet } from '../delivery/watch-outlet.js';
import { WatchSession, type WatchSettings } from '../delivery/watch-session.js';
import type { CellKind } from '../state/event-store.js';
import type { Partition } from '../state/partition.js';
import type { ResourceView } from '../state/resource.js';
import type { Core } from './core.js';
import { enqueue } from './held.js';
import { refuseBadDataType, subscribe } from './subscribe.js';

/** Resources that are looked at in one turn. */
const LOOKED_AT = 1_000;

/** A point in the broker's line of events. */
export interface Point {
  readonly epoch: string;
  readonly position: number;
}

export interface WatchWish {
  readonly source: string;
  readonly clusterName: string;
  readonly dataTypes: readonly string[];
  readonly sources: readonly string[];
  readonly clusters: readonly string[];
  readonly start:
    | { readonly kind: 'newest' }
    | { readonly kind: 'everything' }
    | { readonly kind: 'after'; readonly point: Point };
}

/** How a Watch began. */
export interface Watching {
  readonly session: WatchSession;
  /** Why everything is sent although a point was given; empty: it begins as asked. */
  readonly restartReason: string;
  /** From here on events are sent as they come. */
  readonly point: Point;
  /** What was missed is collected and sent from now on. Once, after the subscriber has been told the rest. */
  begin(): void;
}

/** One Watch: registered as a subscription is, and what it missed is owed to it. Throws a CeBrokerError when it is refused. */
export function watch(
  core: Core,
  outlet: WatchOutlet,
  wish: WatchWish,
  identity: Identity,
  now: number,
): Watching {
  for (const dataType of wish.dataTypes) refuseBadDataType(dataType);
  const peers = new Set(wish.clusterName === '' ? wish.clusters : wish.sources);
  const [only] = wish.dataTypes;
  const dataType = wish.dataTypes.length === 1 && only !== undefined ? only : '';
  const filter: SessionFilter | undefined =
    peers.size === 0 && wish.dataTypes.length <= 1
      ? undefined
      : { dataTypes: new Set(wish.dataTypes), peers };
  const request = { source: wish.source, clusterName: wish.clusterName, dataType, filter };
  const settings = settingsOf(core);
  const { after, restartReason } = beginningOf(core, wish.start);
  let session: WatchSession | undefined;
  subscribe(core, outlet, request, identity, now, (about, due) => {
    session = new WatchSession(about, outlet, core.sessionSettings, settings, due, after !== undefined);
    return session;
  });
  if (session === undefined) throw new CeBrokerError('internal', 'the subscription has no session');
  const point = { epoch: core.store.epoch, position: settings.head() };
  return { session, restartReason, point, begin: beginOnce(core, session, after, point.position) };
}

function beginOnce(
  core: Core,
  session: WatchSession,
  after: number | undefined,
  until: number,
): Watching['begin'] {
  const registered = core.position;
  return () => {
    if (after === undefined) {
      session.begin({ backlog: undefined, after: until, registered }, until);
      return;
    }
    const backlog = new Backlog();
    session.begin({ backlog, after, registered }, after);
    collect(core, session, backlog, missedBy(core, session, after, until));
  };
}

/** Up to here every event that the broker took has been handed to the sessions that it is for. */
export function headOf({ pending, position, store }: Core): number {
  const before = (pending[0]?.position ?? Number.MAX_SAFE_INTEGER) - 1;
  return Math.min(position, store.durablePosition, before);
}

function settingsOf(core: Core): WatchSettings {
  return {
    store: core.store,
    head: () => headOf(core),
    farewells: () => core.table.farewells,
    again: (session) => enqueue(core, `watch ${session.about.id}`, (at) => session.flush(at)),
  };
}

/** @returns after which position; undefined: with what is new */
function beginningOf(
  core: Core,
  start: WatchWish['start'],
): { readonly after: number | undefined; readonly restartReason: string } {
  if (start.kind === 'newest') return { after: undefined, restartReason: '' };
  if (start.kind === 'everything') return { after: 0, restartReason: '' };
  const { epoch, position } = start.point;
  if (epoch !== core.store.epoch) {
    const restartReason = `the epoch is ${core.store.epoch}: positions of epoch ${JSON.stringify(epoch)} mean nothing here`;
    return { after: 0, restartReason };
  }
  if (position > core.position) {
    return {
      after: 0,
      restartReason: `position ${position} lies in the future: the newest is ${core.position}`,
    };
  }
  return { after: position, restartReason: '' };
}

/** A look at so many resources a turn; then the session takes them, oldest first. */
function collect(
  core: Core,
  session: WatchSession,
  backlog: Backlog,
  walk: Iterator<Missed | undefined>,
): void {
  enqueue(core, `watch ${session.about.id}`, (now) => {
    for (let looked = 0; looked < LOOKED_AT; looked += 1) {
      if (!session.open) {
        walk.return?.();
        return;
      }
      const step = walk.next();
      if (step.done === true) {
        backlog.collected();
        session.flush(now);
        return;
      }
      if (step.value !== undefined) backlog.add(step.value);
    }
    collect(core, session, backlog, walk);
  });
}

/** One step for each resource that is looked at. What came later than `until` is sent as it came. */
function* missedBy(
  core: Core,
  session: WatchSession,
  after: number,
  until: number,
): Generator<Missed | undefined, void> {
  for (const partition of partitionsOf(core, session)) {
    for (const view of partition.views()) {
      let found = 0;
      for (const kind of kindsFor(session, view)) {
        const position = view[kind]?.position ?? 0;
        if (position <= after || position > until) continue;
        found += 1;
        yield { position, partition, id: view.id, kind };
      }
      if (found === 0) yield undefined;
    }
  }
}

function partitionsOf(core: Core, session: WatchSession): readonly Partition[] {
  const { dataType, name, role } = session.about;
  const all = role === 'agent' ? core.table.ofCluster(name, dataType) : core.table.all(dataType);
  return [...all].filter(({ cluster, dataType: type }) =>
    session.takes(type, role === 'agent' ? undefined : cluster),
  );
}

const SPEC: readonly CellKind[] = ['spec'];
const STATUS: readonly CellKind[] = ['status'];
const REQUEST: readonly CellKind[] = ['request'];
const BOTH: readonly CellKind[] = ['status', 'request'];
const NONE: readonly CellKind[] = [];

/** The sides of a resource that this subscriber sees. */
function kindsFor(session: WatchSession, view: ResourceView): readonly CellKind[] {
  const { name, role } = session.about;
  if (role === 'agent') return session.takes(view.place.dataType, view.owner ?? '') ? SPEC : NONE;
  const status = view.owner === undefined || view.owner === name;
  const to = view.request?.to;
  const request = to === '' || to === name;
  if (status) return request ? BOTH : STATUS;
  return request ? REQUEST : NONE;
}
