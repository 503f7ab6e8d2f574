// A peer that does one thing it should not, dials again when it is shut out, and goes on so for some time:
//   node abuse-main.js HOST:PORT NAME SECONDS
// One line of JSON at the end: how often it was shut out, and how.
import { constants, setPriority } from 'node:os';
import { ABUSES } from './raw-http2/abuses.js';
import { type Ending, RawPeer } from './raw-http2/raw-peer.js';
import { pause } from './until.js';

/** Between two connections: who dials without a pause is a matter of the network. */
const PAUSE_MS = 100;
/** Whoever is not shut out by then has found no limit. */
const SHUT_OUT_MS = 10_000;

const [server = '', name = '', seconds = '1'] = process.argv.slice(2);
const abuse = ABUSES.find((one) => one.name === name);
if (abuse === undefined) throw new Error(`there is no abuse ${JSON.stringify(name)}`);
// What is measured is the broker, not who gets the rest of the machine.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const until = performance.now() + Number(seconds) * 1000;
const endings: Record<string, number> = {};
let connections = 0;
while (performance.now() < until) {
  const peer = await RawPeer.open(server, abuse.peer);
  connections += 1;
  await abuse.attack(peer);
  peer.resume();
  const ending = await Promise.race([peer.ended, pause(SHUT_OUT_MS)]);
  const word = ending === undefined ? 'not shut out' : wordFor(ending);
  endings[word] = (endings[word] ?? 0) + 1;
  peer.close();
  await pause(PAUSE_MS);
}
process.stdout.write(`${JSON.stringify({ connections, endings })}\n`, () => process.exit(0));

/** A peer that goes on sending may be told by a reset before it has read why. */
function wordFor({ goAway, how }: Ending): string {
  return goAway === undefined ? how : `GOAWAY ${goAway}`;
}
