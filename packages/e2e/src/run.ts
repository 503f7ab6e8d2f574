import { BrokerProcess, type BrokerStart } from './broker-process.js';
import { History } from './history.js';
import { Random } from './random.js';

export interface Scenario {
  /** Its number in the list of what must hold. */
  readonly number: number;
  /** A word for the command and for folders. */
  readonly name: string;
  play(run: Run): Promise<void>;
}

export interface RunOptions {
  readonly seed: number;
  /** Sizes of the list; otherwise the short form. */
  readonly long: boolean;
  /** A latency over its bar is a fault. Beside other work on the machine it is only a figure: tests assert no times. */
  readonly clocked: boolean;
}

/** What a scenario measured, beside the bar where there is one. */
export type Figures = Record<string, number | string>;

/** One play of a scenario: its seed, its history, what it measured and what it has to take down. */
export class Run {
  readonly seed: number;
  readonly long: boolean;
  readonly #clocked: boolean;
  readonly random: Random;
  readonly history: History;
  readonly figures: Figures = {};
  readonly #faults: string[] = [];
  readonly #cleanups: (() => void | Promise<void>)[] = [];
  readonly brokers: BrokerProcess[] = [];
  /** How its brokers start, unless a scenario says otherwise. */
  start: BrokerStart = {};
  /** A broker that is killed knows, when it comes back, what it knew. */
  keepsState = false;
  /** Called before a broker comes back. */
  beforeRestart: () => void = () => {};

  constructor(scenario: Scenario, options: RunOptions) {
    this.seed = options.seed;
    this.long = options.long;
    this.#clocked = options.clocked;
    this.random = new Random(options.seed);
    this.history = new History(scenario.name);
  }

  get faults(): readonly string[] {
    return this.#faults;
  }

  /** The size of something: in the short form, and in the long one. */
  size(short: number, long: number): number {
    return this.long ? long : short;
  }

  async broker(start: BrokerStart = this.start): Promise<BrokerProcess> {
    return this.own(await BrokerProcess.start(start));
  }

  /** A new process in the place of one that is gone. */
  async restart(broker: BrokerProcess, start?: BrokerStart): Promise<BrokerProcess> {
    this.beforeRestart();
    return this.own(await broker.restart(start));
  }

  own(broker: BrokerProcess): BrokerProcess {
    this.brokers.push(broker);
    this.after(() => broker.kill());
    return broker;
  }

  /** Taken down at the end, the newest first. */
  after(cleanup: () => void | Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  /** Something that does not hold. */
  fault(...texts: readonly string[]): void {
    this.#faults.push(...texts);
  }

  /** A figure that must not be over its bar. */
  atMost(name: string, value: number, bar: number): void {
    this.figures[name] = round(value);
    this.figures[`${name}Bar`] = bar;
    if (!(value <= bar)) this.fault(`${name} is ${round(value)}, over the bar of ${bar}`);
  }

  /** A latency, which is the machine's as much as the broker's: over its bar it is a fault where the run has the machine for itself. */
  promptly(name: string, milliseconds: number, bar: number): void {
    this.figures[name] = round(milliseconds);
    this.figures[`${name}Bar`] = bar;
    if (this.#clocked) this.atMost(name, milliseconds, bar);
  }

  figure(name: string, value: number | string): void {
    this.figures[name] = typeof value === 'number' ? round(value) : value;
  }

  async cleanUp(): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    this.#cleanups.length = 0;
  }
}

/**
 * Plays a scenario. Rejects when something does not hold, naming the seed, the folder with the history, and what is wrong; else the
 * history is thrown away.
 */
export async function playScenario(scenario: Scenario, options: RunOptions): Promise<Figures> {
  const run = new Run(scenario, options);
  const began = performance.now();
  let failure: unknown;
  try {
    await scenario.play(run);
  } catch (error) {
    failure = error;
    run.fault(error instanceof Error ? error.message : String(error));
  } finally {
    await run.cleanUp();
  }
  run.figure('seconds', (performance.now() - began) / 1000);
  const figures = { scenario: scenario.number, name: scenario.name, seed: run.seed, ...run.figures };
  if (run.faults.length === 0) {
    run.history.discard();
    return figures;
  }
  run.history.flush();
  const logs = run.brokers.map((broker) => broker.log.slice(-1500)).filter((log) => log !== '');
  throw new Error(
    [
      `scenario ${scenario.number} (${scenario.name}) with CE_BROKER_SEED=${run.seed}; its history: ${run.history.file}`,
      JSON.stringify(figures),
      ...run.faults.slice(0, 20),
      ...(run.faults.length > 20 ? [`and ${run.faults.length - 20} more`] : []),
      ...logs.map((log) => `log of a broker:\n${log}`),
    ].join('\n'),
    { cause: failure },
  );
}

/** The seed that the environment names, or a new one. */
export function seedFromEnvironment(): number {
  const given = process.env['CE_BROKER_SEED'];
  if (given === undefined || given === '') return Math.floor(Math.random() * 1_000_000);
  const seed = Number(given);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new Error(`CE_BROKER_SEED must be a whole number, not ${JSON.stringify(given)}`);
  return seed;
}

function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}
