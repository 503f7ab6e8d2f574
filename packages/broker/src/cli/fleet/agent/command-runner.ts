import { type ChildProcess, spawn } from 'node:child_process';
import type { CommandReport } from '../file-resource.js';
import { OutputTail } from './output-tail.js';

export interface CommandRunnerOptions {
  /** For `sh -c`. */
  readonly command: string;
  /** How long it may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Between SIGTERM and SIGKILL to its process group, in milliseconds. Default 2,000. */
  readonly killGraceMs?: number | undefined;
  /** How long output may still come once the command itself has ended (a child in the background holds it), in milliseconds. Default 200. */
  readonly outputGraceMs?: number | undefined;
  /** Default 20. */
  readonly maxOutputLines?: number | undefined;
  /** Default 4,096. */
  readonly maxOutputBytes?: number | undefined;
}

export interface CommandInput {
  readonly stdin: Uint8Array;
  /** Beside the environment of the agent. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it early, as the timeout does. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs the user's command, each time in a process group of its own. */
export class CommandRunner {
  readonly #options: { readonly [K in keyof CommandRunnerOptions]-?: NonNullable<CommandRunnerOptions[K]> };
  readonly #running = new Set<number>();
  readonly #onExit = (): void => {
    for (const group of this.#running) killGroup(group, 'SIGKILL');
  };

  constructor(options: CommandRunnerOptions) {
    this.#options = {
      command: options.command,
      timeoutMs: options.timeoutMs,
      killGraceMs: options.killGraceMs ?? 2_000,
      outputGraceMs: options.outputGraceMs ?? 200,
      maxOutputLines: options.maxOutputLines ?? 20,
      maxOutputBytes: options.maxOutputBytes ?? 4_096,
    };
  }

  /**
   * Runs it once. Resolves when the command has ended, whatever its exit code; what it left in the background is not waited for. Rejects
   * when it cannot be started, and when the signal ended it.
   */
  async run(input: CommandInput): Promise<CommandReport> {
    const { command, maxOutputBytes, maxOutputLines } = this.#options;
    input.signal?.throwIfAborted();
    const child = spawn('sh', ['-c', command], {
      // A group of its own, so that the timeout ends all that the command has started, and Ctrl-C ends the agent alone.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...input.env },
    });
    const output = new OutputTail(maxOutputBytes, maxOutputLines);
    child.stdout.on('data', (chunk: Buffer) => output.add(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.add(chunk));
    // A command that does not read its input is no failure.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input.stdin);
    return await this.#watch(child, output, input.signal);
  }

  #watch(child: ChildProcess, output: OutputTail, signal: AbortSignal | undefined): Promise<CommandReport> {
    const { timeoutMs, killGraceMs, outputGraceMs } = this.#options;
    const began = performance.now();
    const group = child.pid;
    if (group !== undefined) this.#hold(group);
    return new Promise((resolve, reject) => {
      const timers: NodeJS.Timeout[] = [];
      let timedOut = false;
      let killed = false;
      let settled = false;
      const settle = (finish: () => void): void => {
        if (settled) return;
        settled = true;
        for (const timer of timers) clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        if (group !== undefined) this.#letGo(group);
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
        finish();
      };
      const end = (): void => {
        if (group === undefined || killed) return;
        killGroup(group, 'SIGTERM');
        timers.push(
          setTimeout(() => {
            killed = true;
            killGroup(group, 'SIGKILL');
          }, killGraceMs),
        );
      };
      timers.push(
        setTimeout(() => {
          timedOut = true;
          end();
        }, timeoutMs),
      );
      signal?.addEventListener('abort', end, { once: true });
      child.once('error', (error) => settle(() => reject(error)));
      child.once('exit', (exitCode, endedBy) => {
        const durationMs = Math.round(performance.now() - began);
        const report = () =>
          settle(() => {
            if (signal?.aborted === true) {
              reject(signal.reason);
              return;
            }
            resolve({
              exitCode,
              ...(endedBy === null ? {} : { signal: endedBy }),
              ...(timedOut ? { timedOut: true as const, timeoutMs } : {}),
              durationMs,
              output: output.lines(),
            });
          });
        // What was to be ended has ended once its whole group has.
        const whenGroupIsGone = (): void => {
          if (killed || group === undefined || !killGroup(group, 0)) report();
          else timers.push(setTimeout(whenGroupIsGone, 20));
        };
        if (timedOut || signal?.aborted === true) whenGroupIsGone();
        else {
          child.once('close', report);
          timers.push(setTimeout(report, outputGraceMs));
        }
      });
    });
  }

  /** An agent that is told to end at once takes its commands along. */
  #hold(group: number): void {
    if (this.#running.size === 0) process.on('exit', this.#onExit);
    this.#running.add(group);
  }

  #letGo(group: number): void {
    this.#running.delete(group);
    if (this.#running.size === 0) process.off('exit', this.#onExit);
  }
}

/** Whether there was anything left to signal. */
function killGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}
