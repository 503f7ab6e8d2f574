import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { until } from '../../src/index.js';

const WAIT_MS = 20_000;
const e2e = fileURLToPath(new URL('../..', import.meta.url));

/** Path of a built example, `agent-in-30-lines/agent`. */
export function builtExample(name: string): string {
  const path = `${e2e}dist/examples/${name}.js`;
  if (!existsSync(path)) throw new Error(`${path} is not there; to build it: npx tsc -b`);
  return path;
}

/** The source of an example, as a reader finds it. */
export function exampleSource(path: string): string {
  return `${e2e}examples/${path}`;
}

/** An example, run as its README says. */
export class Example {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #output = '';
  #errors = '';

  private constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
  }

  static node(name: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Example {
    return Example.program(process.execPath, [builtExample(name), ...args], environment);
  }

  static program(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Example {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    return new Example(child);
  }

  /** Whether it has printed that. */
  printed(text: string): boolean {
    return this.#output.includes(text);
  }

  /** Resolves with the match when it has printed that. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null;
    const found = (): boolean => {
      match = pattern.exec(this.#output);
      return match !== null || this.#child.exitCode !== null;
    };
    await until(`it prints ${pattern}`, WAIT_MS, found).catch(() => undefined);
    if (match === null) throw new Error(`it did not print ${pattern}\n${this.#report()}`);
    return match;
  }

  /** Resolves with its exit code when it has ended by itself. */
  async ended(): Promise<number | null> {
    await until('it ends', WAIT_MS, () => this.#child.exitCode !== null || this.#child.signalCode !== null);
    return this.#child.exitCode;
  }

  /** SIGTERM; resolves with its exit code. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill(signal);
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), WAIT_MS);
      await gone;
      clearTimeout(timer);
    }
    return this.#child.exitCode;
  }

  #report(): string {
    return `its output:\n${this.#output.slice(-3000)}\nits errors:\n${this.#errors.slice(-3000)}`;
  }
}
