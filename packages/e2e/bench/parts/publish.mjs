/** Acknowledged publish to one subscriber, at 1, 16 and 128 calls in flight on one connection. */
import { comparePublish } from '../lib/publish.mjs';
import { serversOf } from '../lib/servers.mjs';

export const title = 'Publish: one publisher, one subscriber, 1 KiB of data';

export const run = (context) => comparePublish(context, serversOf('publish', context.servers));
