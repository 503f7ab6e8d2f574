import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const defaultCommand = fileURLToPath(new URL('../../../broker/bin/ce-broker.mjs', import.meta.url));

/** The command under test. CE_BROKER_COMMAND names another script, to try the suite on another build. */
export const brokerCommand = process.env['CE_BROKER_COMMAND'] ?? defaultCommand;

const READY = /^ce-broker ready grpc=(\S+) admin=(\S+) store=(\S+)$/;
const READY_TIMEOUT_MS = 10_000;

/** A broker as a process of its own, as a user starts it. */
export class BrokerProcess {
  /** HOST:PORT of the gRPC listener. */
  readonly grpc: string;
  /** HOST:PORT of the admin listener. */
  readonly admin: string;
  private readonly child: ChildProcess;
  private readonly args: readonly string[];
  private readonly logged: string[];

  private constructor(
    child: ChildProcess,
    args: readonly string[],
    grpc: string,
    admin: string,
    logged: string[],
  ) {
    this.child = child;
    this.args = args;
    this.grpc = grpc;
    this.admin = admin;
    this.logged = logged;
  }

  static async start(args: readonly string[] = [], listen = '127.0.0.1:0'): Promise<BrokerProcess> {
    const store = args.includes('--store') ? [] : ['--store', 'memory'];
    const all = [brokerCommand, 'serve', '--listen', listen, '--admin', '127.0.0.1:0', ...store, ...args];
    const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] });
    const logged: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => logged.push(text));
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_TIMEOUT_MS);
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const [, grpc, admin] = READY.exec(line) ?? [];
        if (grpc !== undefined && admin !== undefined) {
          child.stdout.resume();
          return new BrokerProcess(child, args, grpc, admin, logged);
        }
      }
    } finally {
      clearTimeout(timer);
    }
    throw new Error(`the broker printed no ready line; its log:\n${logged.join('')}`);
  }

  /** The tail of what it logged, for the message of a failed test. */
  log(): string {
    return this.logged.join('').slice(-4000);
  }

  /** Ends it at once, as a power cut does. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  /** Asks it to drain, and gives its exit code; null when it had to be killed. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    const gone = once(this.child, 'exit');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    this.child.kill('SIGTERM');
    await gone;
    clearTimeout(timer);
    return this.child.exitCode;
  }

  /** A new process with the same options on the same gRPC port. This one must be gone. */
  restart(): Promise<BrokerProcess> {
    return BrokerProcess.start(this.args, this.grpc);
  }
}
