/** Holds idle subscriptions until it is killed; prints a line when all are there. */
import { clusterName } from '../lib/load-library.mjs';
import { openAgents } from '../lib/wire.mjs';

const { port, count } = JSON.parse(process.argv[2]);
const PER_CONNECTION = 100;
for (let from = 0; from < count; from += PER_CONNECTION) {
  const clusters = Array.from({ length: Math.min(PER_CONNECTION, count - from) }, (_, index) =>
    clusterName(1 + from + index),
  );
  await openAgents({ port }, clusters, () => {});
}
process.stdout.write('held\n');
