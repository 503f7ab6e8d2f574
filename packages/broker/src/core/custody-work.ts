import { CeBrokerError } from 'ce-broker-proto';
import type { Partition } from '../state/partition.js';
import type { Resource, ResourceView } from '../state/resource.js';
import type { Core } from './core.js';
import type { Custody } from './custody.js';

/** What is meant: everything that fits all that is given; at least one of `id`, `source` and `cluster` is. */
export interface CustodySubject {
  readonly id?: string | undefined;
  /** What this source owns. */
  readonly source?: string | undefined;
  readonly cluster?: string | undefined;
  readonly dataType?: string | undefined;
  /** Only deletions that wait for their confirmation, or only what agents list and nobody owns. */
  readonly only?: 'tombstones' | 'orphans' | undefined;
}

/**
 * `forget`: the broker knows nothing of it any more; what agents have they keep. `delete`: deletions in the owner's name, which go to the
 * agents until they confirm them. `adopt`: it is another source's.
 */
export type CustodyAction =
  | { readonly kind: 'forget' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'adopt'; readonly to: string };

/** `dryRun`: nothing is changed. */
export interface CustodyHow {
  readonly by: string;
  readonly dryRun: boolean;
  readonly now: () => number;
}

/** What was found, and done. */
export interface CustodyTally {
  /** Resources that are wanted, or of which a status or a request is known. */
  resources: number;
  /** Deletions that wait for their confirmation. */
  tombstones: number;
  /** Ids that agents list and nobody owns. */
  orphans: number;
  /** Left as they were: already the new owner's, or a deletion already. */
  unchanged: number;
  readonly clusters: Set<string>;
  readonly owners: Set<string>;
}

/** `step`: something was looked at. `wait`: the store takes nothing at present. */
export type CustodyPace = 'step' | 'wait';

/**
 * Goes through what is meant and does it, one resource between two steps, so that whoever drives it may let others have their turn.
 * `dryRun` only counts. Throws CeBrokerError `invalid_argument`, `not_found`, `failed_precondition`.
 */
export function* custodyWork(
  core: Core,
  custody: Custody,
  subject: CustodySubject,
  action: CustodyAction,
  how: CustodyHow,
): Generator<CustodyPace, CustodyTally> {
  validate(subject, action);
  const tally: CustodyTally = {
    resources: 0,
    tombstones: 0,
    orphans: 0,
    unchanged: 0,
    clusters: new Set(),
    owners: new Set(),
  };
  const touched = new Set<Partition>();
  for (const partition of [...partitionsOf(core, subject)]) {
    yield 'step';
    for (const view of resourcesOf(partition, subject)) {
      if (!fits(view, subject)) {
        yield 'step';
        continue;
      }
      if (!how.dryRun) while (core.store.refusal !== undefined) yield 'wait';
      // It may have changed meanwhile, and what was seen of it before is not the one of its kind.
      const now = how.dryRun ? view : partition.find(view.id);
      if (now === undefined || !fits(now, subject)) {
        yield 'step';
        continue;
      }
      count(tally, now);
      touched.add(partition);
      const done = how.dryRun
        ? !isUnchanged(now, action)
        : change(custody, partition.hold(now), action, subject, how.by, how.now());
      if (!done) tally.unchanged += 1;
      yield 'step';
    }
    for (const id of orphansOf(partition, subject)) {
      if (!how.dryRun) while (core.store.refusal !== undefined) yield 'wait';
      tally.orphans += 1;
      tally.clusters.add(partition.cluster);
      if (!how.dryRun) changeOrphan(custody, partition, id, action, how.by, how.now());
      yield 'step';
    }
    if (!how.dryRun && isWholeCluster(subject) && action.kind === 'forget')
      custody.clear(partition, how.now());
  }
  if (tally.resources + tally.tombstones + tally.orphans === 0) throw nothingFound(subject);
  if (how.dryRun) return tally;
  if (action.kind === 'adopt')
    for (const partition of touched) custody.askHeir(partition, action.to, how.now());
  else if (isWholeSource(subject) && subject.source !== undefined) custody.retire(subject.source);
  return tally;
}

function validate({ cluster, id, only, source }: CustodySubject, action: CustodyAction): void {
  if (id === undefined && source === undefined && cluster === undefined) {
    throw new CeBrokerError('invalid_argument', 'name what is meant: a resource, a source or a cluster');
  }
  if (only === 'orphans' && source !== undefined) {
    throw new CeBrokerError('invalid_argument', 'orphans have no source: name their cluster, or an id', {
      field: 'source',
    });
  }
  if (action.kind === 'delete' && only === 'tombstones') {
    throw new CeBrokerError('invalid_argument', 'tombstones are deletions already: forget them instead', {
      field: 'delete',
    });
  }
  if (action.kind === 'adopt' && action.to === source) {
    throw new CeBrokerError('invalid_argument', `it is ${action.to}'s already`, { field: 'to' });
  }
}

function* partitionsOf(core: Core, { cluster, dataType = '', source }: CustodySubject): Iterable<Partition> {
  if (cluster !== undefined) yield* core.table.ofCluster(cluster, dataType);
  else if (source !== undefined) yield* core.table.ofSource(source, dataType);
  else yield* core.table.all(dataType);
}

function* resourcesOf(partition: Partition, { id, only }: CustodySubject): Iterable<ResourceView> {
  if (only === 'orphans') return;
  if (id === undefined) {
    yield* partition.views();
    return;
  }
  const resource = partition.find(id);
  if (resource !== undefined) yield resource;
}

function fits({ id, owner, spec }: ResourceView, subject: CustodySubject): boolean {
  if (subject.id !== undefined && id !== subject.id) return false;
  if (subject.source !== undefined && owner !== subject.source) return false;
  return subject.only !== 'tombstones' || spec?.deleting === true;
}

function orphansOf({ orphans }: Partition, { id, only, source }: CustodySubject): readonly string[] {
  if (only === 'tombstones' || source !== undefined) return [];
  if (id !== undefined) return orphans.has(id) ? [id] : [];
  return [...orphans.keys()];
}

function count(tally: CustodyTally, { owner, place, spec }: ResourceView): void {
  if (spec?.deleting === true) tally.tombstones += 1;
  else tally.resources += 1;
  tally.clusters.add(place.cluster);
  if (owner !== undefined) tally.owners.add(owner);
}

function isUnchanged({ owner, spec }: ResourceView, action: CustodyAction): boolean {
  if (action.kind === 'adopt') return owner === action.to;
  return action.kind === 'delete' && spec?.deleting === true;
}

function change(
  custody: Custody,
  resource: Resource,
  action: CustodyAction,
  subject: CustodySubject,
  by: string,
  now: number,
): boolean {
  if (isUnchanged(resource, action)) return false;
  if (action.kind === 'adopt') custody.adopt(resource, action.to);
  else if (action.kind === 'delete') custody.delete(resource, by, now);
  else custody.forget(resource, subject.source === undefined && subject.only === undefined);
  return true;
}

function changeOrphan(
  custody: Custody,
  partition: Partition,
  id: string,
  action: CustodyAction,
  by: string,
  now: number,
): void {
  if (action.kind === 'adopt') custody.offerOrphan(partition, id, action.to, now);
  else if (action.kind === 'delete') custody.deleteOrphan(partition, id, by, now);
  else custody.forgetOrphan(partition, id);
}

function isWholeSource({ cluster, dataType, id, only }: CustodySubject): boolean {
  return cluster === undefined && dataType === undefined && id === undefined && only === undefined;
}

function isWholeCluster({ id, only, source }: CustodySubject): boolean {
  return id === undefined && only === undefined && source === undefined;
}

function nothingFound({ cluster, dataType, id, only, source }: CustodySubject): CeBrokerError {
  const parts = [
    only ?? 'resources',
    ...(id === undefined ? [] : [`with the id ${id}`]),
    ...(source === undefined ? [] : [`of source ${source}`]),
    ...(cluster === undefined ? [] : [`on cluster ${cluster}`]),
    ...(dataType === undefined ? [] : [`of type ${dataType}`]),
  ];
  return new CeBrokerError(
    'not_found',
    `there are no ${parts.join(' ')}: ce-broker state list shows what is known`,
  );
}
