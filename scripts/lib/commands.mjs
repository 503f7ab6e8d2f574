import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';
import { run } from './processes.mjs';
import { runTests } from './tests.mjs';

const bin = join(root, 'packages', 'broker', 'bin', 'ce-broker.mjs');
const demo = join(root, 'packages', 'e2e', 'demo', 'run.mjs');
const READY = /^ce-broker ready grpc=(\S+) admin=(\S+)/;

/**
 * @param {string | undefined} name
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
export async function runCommand(name, args) {
  if (name !== 'start' && name !== 'test' && name !== 'demo') {
    console.error(`usage: node scripts/run.mjs start|test|demo [OPTIONS], not ${JSON.stringify(name ?? '')}`);
    return 2;
  }
  const code = await prepare();
  if (code !== 0) return code;
  if (name === 'demo') return run(process.execPath, [demo, ...args]);
  return name === 'start' ? start(args) : runTests(args);
}

/** The broker with the options of the command line; once it is ready, what to type next. */
function start(args) {
  return run(process.execPath, [bin, ...args], {
    onLine: (line) => {
      const [, grpc, admin] = READY.exec(line) ?? [];
      if (grpc !== undefined) console.error(whatNext(grpc, admin));
    },
  });
}

function whatNext(grpc, admin) {
  const command = 'npx ce-broker';
  const server = grpc === '127.0.0.1:8090' ? '' : ` --server ${grpc}`;
  const lines = [
    '',
    'Try it from two other terminals, in this folder. An agent that waits for work:',
    `  ${command} sub${server} --cluster c1`,
    'A source that publishes some:',
    `  ${command} pub${server} --source hub --cluster c1 --type com.example.v1.widgets --id w1 --resource-version 1 --data '{"size":3}'`,
  ];
  if (admin !== 'none') {
    const at = admin === '127.0.0.1:8080' ? '' : ` --admin http://${admin}`;
    lines.push('What the broker holds:', `  ${command} state list${at}`);
  }
  return [...lines, 'Ctrl-C ends it.', ''].join('\n');
}
