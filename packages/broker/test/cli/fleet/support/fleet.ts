import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Broker, cli, type Folder, Running } from '../../support/cli.js';

/** Resolves once it holds; the time limit is the test's. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 25_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await sleep(20);
  }
}

export function write(path: string, text: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

export function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** A line of `ce-broker source --json`. */
export interface SourceLine {
  readonly event: string;
  readonly cluster?: string;
  readonly file?: string;
  readonly resourceId?: string;
  readonly version?: number;
  readonly reportedVersion?: number;
  readonly state?: string;
  readonly action?: string;
  readonly error?: string;
  readonly exitCode?: number;
  readonly timedOut?: boolean;
  readonly output?: readonly string[];
}

/** `ce-broker source`, with what it has said. */
export class Source extends Running {
  static at(folder: Folder, server: string, ...more: string[]): Source {
    return new Source([
      'source',
      '--dir',
      folder.at('fleet'),
      '--source',
      'hub',
      '--server',
      server,
      '--json',
      ...more,
    ]);
  }

  get lines(): SourceLine[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as SourceLine);
  }

  /** Resolves with a line that fits. */
  async told(what: Partial<SourceLine>, after = 0): Promise<SourceLine> {
    const fits = (line: SourceLine) =>
      Object.entries(what).every(([key, value]) => line[key as keyof SourceLine] === value);
    let found: SourceLine | undefined;
    await until(`${JSON.stringify(what)}\n${this.stderr}`, () => {
      found = this.lines.slice(after).find(fits);
      return found !== undefined || this.child.exitCode !== null;
    });
    if (found === undefined)
      throw new Error(`not told ${JSON.stringify(what)}:\n${this.stdout}\n${this.stderr}`);
    return found;
  }
}

/** `ce-broker agent` of a cluster; applies into the folder `<cluster>`. */
export class Agent extends Running {
  static at(folder: Folder, server: string, cluster: string, ...more: string[]): Agent {
    return new Agent([
      'agent',
      '--cluster',
      cluster,
      '--dir',
      folder.at(cluster),
      '--server',
      server,
      ...more,
    ]);
  }
}

/** Ends it as an operator does, and gives its exit code. */
export async function stop(command: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  command.child.kill(signal);
  return (await command.ended()).code;
}

/** Names in a folder that are not hidden; none while it is not there. */
export function namesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/** Resolves once the broker waits for the confirmation of no deletion. */
export async function confirmed(broker: Broker): Promise<void> {
  await until('every deletion is confirmed', async () => {
    const { stdout } = await cli(['state', 'tombstones', '--admin', broker.admin]);
    return stdout === 'nothing\n';
  });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A broker on the port of one that is gone. */
export async function restarted(grpc: string): Promise<Broker> {
  const again = new Broker(['serve', '--listen', grpc, '--admin', '127.0.0.1:0']);
  const [, , admin = ''] = await again.saw('stdout', /^ce-broker ready grpc=(\S+) admin=(\S+) store=\S+\n/);
  again.grpc = grpc;
  again.admin = admin;
  return again;
}
