import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'ce-broker-proto';
import { onTestFinished } from 'vitest';
import type { JsonResource } from '../../src/codec/json-resource.js';
import {
  type ResourceStore,
  ResourceStore as Store,
  type StoredOptions,
} from '../../src/store/resource-store.js';

/** A folder of this test's own, gone when it ends. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ce-broker-store-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Closed when the test ends. */
export async function opened(
  options: StoredOptions<JsonResource> = {},
): Promise<ResourceStore<JsonResource>> {
  const store = await Store.open<JsonResource>(options);
  onTestFinished(() => store.close().catch(() => undefined));
  return store;
}

export function resource(uid: string, change: Partial<JsonResource> = {}): JsonResource {
  return { uid, resourceVersion: '1', clusterName: 'c1', source: 's1', spec: { n: 1 }, ...change };
}

export function uids(resources: Iterable<JsonResource>): string[] {
  return [...resources].map(({ uid }) => uid).sort();
}

/** A logger that keeps what is an error. */
export function recorder(): { readonly logger: Logger; readonly errors: string[] } {
  const errors: string[] = [];
  const none = () => undefined;
  const logger = {
    debug: none,
    info: none,
    warn: none,
    error: (_: object, text: string) => errors.push(text),
  };
  return { logger, errors };
}
