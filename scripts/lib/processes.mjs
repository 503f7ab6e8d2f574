import { spawn } from 'node:child_process';

/**
 * Runs a program to its end and gives its exit code (128 + N after signal N).
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, chatter?: boolean, onLine?: (line: string) => void }} [options]
 *   chatter: its stdout goes to our stderr; onLine: its stdout comes line by line, and is handed on
 * @returns {Promise<number>}
 */
export function run(command, args, options = {}) {
  const { cwd, env = process.env, chatter = false, onLine } = options;
  const stdout = chatter ? 2 : onLine === undefined ? 'inherit' : 'pipe';
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['inherit', stdout, 'inherit'],
    // The npx of Windows is a batch file.
    shell: command.endsWith('.cmd'),
  });
  if (child.stdout !== null && onLine !== undefined) handOn(child.stdout, onLine);
  const stop = endWithUs(child);
  return new Promise((resolve) => {
    child.once('error', (error) => {
      stop();
      console.error(`cannot run ${command}: ${error.message}`);
      resolve(127);
    });
    child.once('close', (code, signal) => {
      stop();
      resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : 15));
    });
  });
}

function handOn(stream, onLine) {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

/**
 * No orphans. SIGTERM is handed on; SIGINT is not, for the terminal sends it to the whole process group, and twice would mean
 * "at once". npm does not hand on every signal, and may be killed: when our parent changes, it is gone.
 */
function endWithUs(child) {
  const onTerm = () => child.kill('SIGTERM');
  const onInt = () => undefined;
  process.on('SIGTERM', onTerm).on('SIGHUP', onTerm).on('SIGINT', onInt);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 250);
  watch.unref();
  return () => {
    clearInterval(watch);
    process.off('SIGTERM', onTerm).off('SIGHUP', onTerm).off('SIGINT', onInt);
  };
}
