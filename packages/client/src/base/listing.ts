import { CeBrokerError } from 'ce-broker-proto';
import type { Lister, ListOptions } from '../generic/lister.js';
import type { ResourceObject } from '../generic/resource.js';

/** What the lister gives. Rejects with what the lister threw, named. */
export async function listAll<T extends ResourceObject>(
  lister: Lister<T>,
  options: ListOptions,
): Promise<readonly T[]> {
  try {
    return [...(await lister.list(options))];
  } catch (cause) {
    throw failed('list', cause);
  }
}

/** The one resource; through a whole list where the lister finds no single one. */
export async function findOne<T extends ResourceObject>(
  lister: Lister<T>,
  uid: string,
  options: ListOptions,
): Promise<T | undefined> {
  if (lister.get === undefined) {
    const all = await listAll(lister, options);
    return all.find((resource) => resource.uid === uid);
  }
  try {
    return await lister.get(uid, options);
  } catch (cause) {
    throw failed('get', cause);
  }
}

/** A resource of a list that may be old by now, looked at again where the lister has look-ups; undefined: it is gone. */
export async function asItIsNow<T extends ResourceObject>(
  lister: Lister<T>,
  listed: T,
  options: ListOptions,
): Promise<T | undefined> {
  return lister.get === undefined ? listed : await findOne(lister, listed.uid, options);
}

function failed(method: string, cause: unknown): CeBrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CeBrokerError('internal', `the lister failed: ${method}() threw: ${reason}`, {
    field: 'lister',
    cause,
  });
}
