import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BrokerOptions, BrokerStatus } from 'ce-broker';
import type { LmdbOptions } from 'ce-broker/lmdb';
import { pause } from './until.js';

/** Collections, and those that follow, a second apart, while it is too much. */
const ROUNDS = 4;
const PATIENT_ROUNDS = 16;

const READY = /ready grpc=(\S+) admin=(\S+)/;
const READY_TIMEOUT_MS = 15_000;
const LOG_CHARACTERS = 64 * 1024;

/** Path of the command, `ce-broker`. */
export function brokerCommand(): string {
  const manifest = createRequire(import.meta.url).resolve('ce-broker/package.json');
  return join(dirname(manifest), 'bin', 'ce-broker.mjs');
}

export interface BrokerStart {
  /** Flags of `ce-broker serve`; the store is in memory unless `--store` says otherwise. */
  readonly args?: readonly string[];
  /** Options that no flag has: the broker is then started through `startBroker`, in a process of its own all the same. */
  readonly options?: BrokerOptions;
  /** A store on disk with settings that no flag has; with it the broker is started through `startBroker` too. */
  readonly lmdb?: LmdbOptions;
  /** A command before it, with its arguments, which runs it in its own process, as `prlimit`. */
  readonly under?: readonly string[];
  /** Default: any free port. */
  readonly listen?: string;
  /** It collects garbage when told to, so that its memory can be compared. Default `false`. */
  readonly collectable?: boolean;
}

/** A broker ended before it was ready. */
export class StartFailed extends Error {
  /** Exit code or signal. */
  readonly ended: number | NodeJS.Signals | undefined;
  readonly log: string;

  constructor(ended: number | NodeJS.Signals | undefined, log: string) {
    super(`the broker printed no ready line and ended with ${ended}; its log:\n${log}`);
    this.ended = ended;
    this.log = log;
  }
}

/** Program and arguments of a broker. */
export function brokerInvocation(start: BrokerStart): readonly [string, ...string[]] {
  const listen = start.listen ?? '127.0.0.1:0';
  const flags = start.collectable === true ? ['--expose-gc', `--import=${gcHook()}`] : [];
  const { lmdb, options, under = [] } = start;
  const command =
    options === undefined && lmdb === undefined
      ? [
          brokerCommand(),
          'serve',
          '--listen',
          listen,
          '--admin',
          '127.0.0.1:0',
          '--log-level',
          'warn',
          ...(start.args?.includes('--store') === true ? [] : ['--store', 'memory']),
          ...(start.args ?? []),
        ]
      : [
          optionsCommand(),
          JSON.stringify({ ...options, listen, admin: '127.0.0.1:0' }),
          JSON.stringify(lmdb ?? null),
        ];
  const [program = '', ...rest] = [...under, process.execPath, ...flags, ...command];
  return [program, ...rest];
}

/** A real broker, as a process. */
export class BrokerProcess {
  /** HOST:PORT. */
  readonly grpc: string;
  readonly admin: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #start: BrokerStart;
  readonly #log: { text: string };

  private constructor(
    child: ChildProcess,
    start: BrokerStart,
    addresses: [string, string],
    log: { text: string },
  ) {
    this.#child = child;
    this.#start = start;
    this.pid = child.pid ?? 0;
    [this.grpc, this.admin] = addresses;
    this.#log = log;
  }

  static async start(start: BrokerStart = {}): Promise<BrokerProcess> {
    const [program, ...rest] = brokerInvocation(start);
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = { text: '' };
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log.text = (log.text + text).slice(-LOG_CHARACTERS);
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_TIMEOUT_MS);
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const [, grpc, admin] = READY.exec(line) ?? [];
        if (grpc === undefined || admin === undefined) continue;
        child.stdout.resume();
        return new BrokerProcess(child, start, [grpc, admin], log);
      }
    } finally {
      clearTimeout(timer);
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    throw new StartFailed(child.exitCode ?? child.signalCode ?? undefined, log.text);
  }

  /** The end of what it logged. */
  get log(): string {
    return this.#log.text;
  }

  /** `undefined` while it runs, else how it ended: an exit code or a signal. */
  get ended(): number | NodeJS.Signals | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it at once, as a power cut does. */
  async kill(): Promise<void> {
    if (this.ended !== undefined) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** SIGTERM, and how long it took to exit in milliseconds. Killed after 20 s. */
  async stop(): Promise<{ readonly ended: number | NodeJS.Signals | undefined; readonly ms: number }> {
    const from = performance.now();
    if (this.ended === undefined) {
      const gone = once(this.#child, 'exit');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
      this.#child.kill('SIGTERM');
      await gone;
      clearTimeout(timer);
    }
    return { ended: this.ended, ms: performance.now() - from };
  }

  /** A new process with the same options, unless others are given, on the same port. This one must be gone. */
  restart(start: BrokerStart = this.#start): Promise<BrokerProcess> {
    return BrokerProcess.start({ ...start, listen: this.grpc });
  }

  /** Resident memory in bytes. */
  rss(): number {
    const [, kib = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  }

  /** Resident memory that is the process's own, without the pages of files, in bytes. */
  rssOwn(): number {
    const [, kib = '0'] = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  }

  /**
   * Resident memory after a garbage collection; the broker must be `collectable`. V8 keeps the young generation of a busy time for some seconds:
   * over `enough` bytes it is waited for.
   */
  async rssCollected(enough = Number.POSITIVE_INFINITY): Promise<number> {
    let least = this.rss();
    for (let round = 0; round < ROUNDS || (least > enough && round < PATIENT_ROUNDS); round += 1) {
      if (round >= ROUNDS) await pause(1_000);
      this.signal('SIGUSR2');
      // The answer comes from the same event loop: when it is here, the collection is over.
      await this.status();
      least = Math.min(least, this.rss());
    }
    return least;
  }

  /** `/status` of the admin port: what the broker holds and has counted. Cheap, unlike `/metrics` with its label per cluster. */
  async status(): Promise<BrokerStatus> {
    const ask = () => fetch(`http://${this.admin}/status`);
    // A broker that was busy for some seconds closes the connection that was kept, with the question on it: on a new one it answers.
    const answer = await ask().catch(ask);
    const status: BrokerStatus = JSON.parse(await answer.text());
    return status;
  }

  /** Open subscriptions. */
  async sessions(): Promise<number> {
    const { agents, sources } = (await this.status()).sessions;
    return agents + sources;
  }
}

function gcHook(): string {
  return `data:text/javascript,${encodeURIComponent("process.on('SIGUSR2', () => globalThis.gc());")}`;
}

function optionsCommand(): string {
  return fileURLToPath(new URL('../dist/broker-main.js', import.meta.url));
}
