/** Fills a broker with resources, and knows them afterwards: resource `n` is on cluster `n` modulo the number of clusters. */
import { runLoadOn } from './load.mjs';

export const PREFIX = 'be9c4000-0000-4000-8000-';
export const resourceId = (index) => `${PREFIX}${index.toString(16).padStart(12, '0')}`;

/** Publishes each resource once, at version 1, 1 KiB of data each. */
export async function fill(server, resources, clusters) {
  const { totals, errors, eventBytes } = await runLoadOn(server, {
    events: resources,
    resources,
    clusters,
    resourcePrefix: PREFIX,
    inFlight: 256,
    subscribers: 0,
    seconds: 1_200,
    warmUpSeconds: 0,
  });
  if (totals.acked !== resources)
    throw new Error(`only ${totals.acked} of ${resources} were taken: ${JSON.stringify(errors)}`);
  return { eventBytes };
}
