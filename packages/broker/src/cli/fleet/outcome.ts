import { showDuration } from '../values.js';
import type { CommandReport, FileStatus } from './file-resource.js';

/** `failed (exit 1, 12 ms)` */
export function outcomeOf({ state, command }: FileStatus): string {
  if (command === undefined) return state;
  const how =
    command.timedOut === true
      ? 'timed out'
      : command.signal !== undefined
        ? command.signal
        : `exit ${command.exitCode}`;
  return `${state} (${how}, ${command.durationMs} ms)`;
}

/** Why, in one line: what went wrong, or the last line that the command said. */
export function reasonOf({ error, command }: FileStatus): string {
  return error ?? command?.output.findLast((line) => line.trim() !== '')?.trim() ?? silent(command);
}

function silent(command: CommandReport | undefined): string {
  if (command?.timedOut !== true) return '';
  const limit =
    command.timeoutMs === undefined ? 'its --timeout' : `--timeout ${showDuration(command.timeoutMs)}`;
  return `no output; ended after ${limit}`;
}

/** Whether somebody should look at it. */
export function isTrouble({ state, command }: FileStatus): boolean {
  return state === 'failed' || state === 'refused' || (command !== undefined && command.exitCode !== 0);
}
