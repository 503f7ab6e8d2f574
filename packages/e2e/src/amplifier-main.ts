// A client that asks for more than it needs, over and over, for some time: node amplifier-main.js HOST:PORT NAME SECONDS
// One line of JSON at the end: what it asked, and what came of it.
import { constants, setPriority } from 'node:os';
import { AMPLIFIERS } from './amplifiers.js';

const [server = '', name = '', seconds = '1'] = process.argv.slice(2);
const amplifier = AMPLIFIERS.find((one) => one.name === name);
if (amplifier === undefined) throw new Error(`there is no amplifier ${JSON.stringify(name)}`);
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const told = await amplifier.play(server, performance.now() + Number(seconds) * 1000);
process.stdout.write(`${JSON.stringify(told)}\n`);
process.exit(0);
