import type { Command } from 'commander';

/** Takes the exit code of the command that ran. */
export type Finish = (exitCode: number) => void;

/** Adds one command to the program. Its work is imported when it runs, so that help and start-up are quick. */
export type DefineCommand = (program: Command, finish: Finish) => void;

/** The examples at the end of a help text. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}
