// What `npm start` and `npm test` run. It needs nothing but Node and git: it installs and builds what has changed, then
// starts the broker, or the tests. Everything that it says itself goes to stderr.
import { nodeTooOld } from '../packages/broker/bin/node-version.mjs';

const problem = nodeTooOld(process.versions.node);
if (problem !== undefined) {
  console.error(problem);
  process.exitCode = 2;
} else {
  // Later, so that an older Node never reads what it does not understand.
  import('./lib/commands.mjs')
    .then(({ runCommand }) => runCommand(process.argv[2], process.argv.slice(3)))
    .then((code) => {
      process.exitCode = code;
    });
}
