import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** One JSON line of a program. */
export type PeerEvent = Readonly<Record<string, unknown>>;

/** Every given field must be there with an equal value (objects likewise, in depth). */
export type Pattern = Readonly<Record<string, unknown>>;

const WAIT_MS = 20_000;
const COMMAND_MS = 30_000;
const RETRY_MS = 500;

/** A program of `packages/e2e/interop`, Go or TypeScript, driven over its line protocol. */
export class LinePeer {
  readonly name: string;
  /** All that it has said so far, in order. */
  readonly events: PeerEvent[] = [];
  /** Called with each event from now on. */
  onEvent: ((event: PeerEvent) => void) | undefined;
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly watchers = new Set<() => void>();
  private log = '';
  private commands = 0;
  private ended = false;

  private constructor(name: string, program: string, args: readonly string[]) {
    this.name = name;
    this.child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => undefined); // a peer that died is reported by whoever waits for it
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.log = (this.log + text).slice(-3000);
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const event: PeerEvent = JSON.parse(line);
      this.events.push(event);
      this.onEvent?.(event);
      this.wake();
    });
    this.child.once('close', () => {
      this.ended = true;
      this.wake();
    });
  }

  /** Starts `COMMAND ROLE --FLAG VALUE ...` and waits until it takes commands. */
  static async start(
    name: string,
    command: readonly string[],
    role: 'source' | 'agent',
    flags: Readonly<Record<string, string>>,
  ): Promise<LinePeer> {
    const [program, ...first] = command;
    if (program === undefined) throw new Error(`${name}: no command`);
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    const peer = new LinePeer(name, program, [...first, role, ...args]);
    await peer.waitFor({ event: 'ready' });
    return peer;
  }

  /** A place in the history: hand it to waitFor or seen to look only at what came later. */
  mark(): number {
    return this.events.length;
  }

  /** What has come since the mark and matches. */
  seen(pattern: Pattern, since = 0): PeerEvent[] {
    return this.events.slice(since).filter((event) => matches(event, pattern));
  }

  /** The first event since the mark that matches, now or later. */
  async waitFor(pattern: Pattern, since = 0, timeoutMs = WAIT_MS): Promise<PeerEvent> {
    let next = since;
    const look = (): PeerEvent | undefined => {
      for (; next < this.events.length; next++) {
        const event = this.events[next];
        if (event !== undefined && matches(event, pattern)) return event;
      }
      return undefined;
    };
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.ended) throw this.failure(`ended while the test waited for ${JSON.stringify(pattern)}`);
      const left = deadline - Date.now();
      if (left <= 0) throw this.failure(`no ${JSON.stringify(pattern)} within ${timeoutMs} ms`);
      await this.change(left);
    }
  }

  /** Runs one command and gives its "done" event, which may carry an error. */
  async attempt(op: string, fields: Pattern = {}, timeoutMs = COMMAND_MS): Promise<PeerEvent> {
    const n = ++this.commands;
    this.child.stdin.write(`${JSON.stringify({ ...fields, n, op })}\n`);
    return await this.waitFor({ event: 'done', n }, 0, timeoutMs);
  }

  /** Runs one command that must succeed. */
  async run(op: string, fields: Pattern = {}, timeoutMs = COMMAND_MS): Promise<PeerEvent> {
    const done = await this.attempt(op, fields, timeoutMs);
    if (done['error'] !== undefined) throw this.failure(`${op} ${JSON.stringify(fields)}: ${done['error']}`);
    return done;
  }

  /** Repeats a command until it succeeds: a client that is between two connections refuses to publish. */
  async insist(op: string, fields: Pattern, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const { error } = await this.attempt(op, fields);
      if (error === undefined) return;
      if (Date.now() > deadline) throw this.failure(`${op} still fails after ${timeoutMs} ms: ${error}`);
      await sleep(RETRY_MS);
    }
  }

  /** Stops the process in its tracks: it reads nothing and answers nothing until it is thawed. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const gone = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await gone;
  }

  async quit(): Promise<void> {
    if (this.ended) return;
    const gone = once(this.child, 'close');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    this.child.stdin.end(`${JSON.stringify({ op: 'quit' })}\n`);
    await gone;
    clearTimeout(timer);
  }

  private wake(): void {
    for (const watcher of [...this.watchers]) watcher();
  }

  /** Resolves at the next event, at the end of the program, or after the time. */
  private async change(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.watchers.add(done);
    });
  }

  private failure(what: string): Error {
    const tail = this.events.slice(-12).map((event) => JSON.stringify(event));
    return new Error(`${this.name}: ${what}\nlast events:\n${tail.join('\n')}\nits log:\n${this.log}`);
  }
}

function matches(value: unknown, pattern: unknown): boolean {
  if (typeof pattern !== 'object' || pattern === null) return value === pattern;
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map(Object.entries(value));
  return Object.entries(pattern).every(([key, wanted]) => matches(fields.get(key), wanted));
}
