import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const bin = fileURLToPath(new URL('../../../bin/ce-broker.mjs', import.meta.url));

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment without settings of whoever runs the tests. */
function cleanEnvironment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CE_BROKER_'));
  return { ...Object.fromEntries(own), NO_COLOR: '1', CE_BROKER_STORE: 'memory', ...more };
}

/** A command that runs, with what it has written so far. */
export class Running {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  private readonly exit: Promise<unknown>;

  constructor(
    args: readonly string[],
    options: { stdin?: string; holdStdin?: boolean; env?: Readonly<Record<string, string>> } = {},
  ) {
    this.child = spawn(process.execPath, [bin, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: cleanEnvironment(options.env ?? {}),
    });
    this.exit = once(this.child, 'close');
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.child.stdin?.on('error', () => undefined);
    this.child.stdin?.write(options.stdin ?? '');
    if (options.holdStdin !== true) this.child.stdin?.end();
  }

  /** Resolves once a line of stdout or stderr matches; rejects when the command ends without it. */
  async saw(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    const source = this.child[stream];
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      if (source === null || source.readableEnded) {
        throw new Error(`no ${pattern} on ${stream}:\n${this.stdout}\n${this.stderr}`);
      }
      await Promise.race([once(source, 'data'), once(source, 'end')]);
    }
  }

  async ended(): Promise<Result> {
    await this.exit;
    return { code: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}

/** Runs a command to its end. */
export function cli(
  args: readonly string[],
  options: ConstructorParameters<typeof Running>[1] = {},
): Promise<Result> {
  return new Running(args, options).ended();
}

/** A broker of the command line on ports of its own. */
export class Broker extends Running {
  grpc = '';
  admin = '';

  static async start(
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Broker> {
    const broker = new Broker(['serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args], {
      env,
    });
    const [, grpc = '', admin = ''] = await broker.saw(
      'stdout',
      /^ce-broker ready grpc=(\S+) admin=(\S+) store=\S+\n/,
    );
    broker.grpc = grpc;
    broker.admin = admin;
    return broker;
  }

  get port(): string {
    return this.grpc.slice(this.grpc.lastIndexOf(':') + 1);
  }
}

/** A folder that is gone after the test. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'ce-broker-cli-'));

  file(name: string, text: string): string {
    const path = this.at(name);
    writeFileSync(path, text);
    return path;
  }

  at(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
