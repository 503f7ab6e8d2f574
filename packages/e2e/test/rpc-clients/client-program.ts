import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const WAIT_MS = 90_000;

/** One JSON line of a program. */
export type Check = Readonly<Record<string, unknown>>;

/** How a client of another maker is started; see packages/e2e/rpc-clients/README.md. */
export interface RpcClient {
  readonly name: string;
  /** The part of `interop/setup.mjs` that makes it. */
  readonly part: string;
  readonly command: readonly [string, ...string[]];
  readonly environment?: Readonly<Record<string, string>>;
  /** The shortest distance of keepalive pings that it can be set to, in milliseconds. */
  readonly shortestPingsMs: number;
  /** What it says of calls whose connection has ended without an answer to them. */
  readonly lost: readonly string[];
  /** It takes calls to another connection by itself, without a failed one, when the server lets the old one run out. */
  readonly movesOn: boolean;
}

/** One run of a client program. */
export class ClientProgram {
  /** All that it has said so far. */
  readonly checks: Check[] = [];
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<void>;
  #log = '';
  #wake: () => void = () => undefined;
  #over = false;

  constructor(client: RpcClient, scenario: string, address: string, flags: readonly string[]) {
    const [program, ...first] = client.command;
    this.#name = `${client.name}: ${scenario}`;
    this.#child = spawn(program, [...first, scenario, address, ...flags], {
      stdio: 'pipe',
      env: { ...process.env, ...client.environment },
    });
    const { stdout, stderr, stdin } = this.#child;
    if (stdout === null || stderr === null || stdin === null) throw new Error('a program without pipes');
    stdin.on('error', () => undefined); // who waits for it says that it died
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-4000);
    });
    createInterface({ input: stdout }).on('line', (line) => {
      this.checks.push(JSON.parse(line));
      this.#wake();
    });
    this.#ended = once(this.#child, 'close').then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  /** The first line with this check, now or later. */
  async check(name: string): Promise<Check> {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const found = this.checks.find((line) => line['check'] === name);
      if (found !== undefined) return found;
      if (this.#over) throw this.#failure(`ended without saying "${name}"`);
      await this.#change(deadline, `did not say "${name}"`);
    }
  }

  /** Tells it to go on. */
  goOn(): void {
    this.#child.stdin?.write('\n');
  }

  /** All that it said, once it has ended as it should. */
  async result(): Promise<readonly Check[]> {
    const deadline = Date.now() + WAIT_MS;
    while (!this.#over) await this.#change(deadline, 'did not end');
    if (this.#child.exitCode !== 0)
      throw this.#failure(`ended with ${this.#child.exitCode ?? this.#child.signalCode}`);
    return this.checks;
  }

  /** Ends it, whatever it does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async #change(deadline: number, what: string): Promise<void> {
    const left = deadline - Date.now();
    if (left <= 0) throw this.#failure(`${what} within ${WAIT_MS} ms`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #failure(what: string): Error {
    const said = this.checks.map((line) => JSON.stringify(line)).join('\n');
    return new Error(`${this.#name}: ${what}\nit said:\n${said}\nits log:\n${this.#log}`);
  }
}
