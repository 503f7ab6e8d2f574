import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

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
 * "at once". npm, or the shell that it put between, may end without a word: then an ancestor of ours changes.
 */
function endWithUs(child) {
  const onTerm = () => child.kill('SIGTERM');
  const onInt = () => undefined;
  process.on('SIGTERM', onTerm).on('SIGHUP', onTerm).on('SIGINT', onInt);
  const before = ancestors();
  const watch = setInterval(() => {
    if (ancestors() === before) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 500);
  watch.unref();
  return () => {
    clearInterval(watch);
    process.off('SIGTERM', onTerm).off('SIGHUP', onTerm).off('SIGINT', onInt);
  };
}

/** Our parent, and under npm on Linux its parent too. */
function ancestors() {
  const parent = process.ppid;
  if (process.platform !== 'linux' || process.env.npm_lifecycle_event === undefined) return String(parent);
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8');
    return `${parent} ${stat.slice(stat.lastIndexOf(')')).split(' ')[2]}`;
  } catch {
    return 'gone';
  }
}
