import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

/** Bounds each command, so that a peer that waits for ever shows up as an error. */
const COMMAND_TIMEOUT_MS = 20_000;

/** One line of input. Which fields count depends on `op`. */
export interface Command {
  readonly n?: number;
  readonly op: string;
  readonly id?: string;
  readonly cluster?: string;
  readonly target?: string;
  readonly version?: number;
  readonly spec?: unknown;
  readonly status?: unknown;
  /** Beyond the Go programs: how long the publish may take. */
  readonly timeoutMs?: number;
}

/** One line of output. */
export type Said = Readonly<Record<string, unknown>>;

/** What the program is started with; the first six as the Go programs. */
export interface Flags {
  readonly role: 'source' | 'agent';
  /** The SDK's own gRPC configuration file. */
  readonly config: string;
  readonly source: string;
  readonly cluster: string;
  readonly dataType: string;
  /** What the role holds before it connects: a JSON file, a list of resources. */
  readonly state: string;
  /** `event`: an EventCodec; `class`: a Codec over the class of the `cloudevents` package. */
  readonly codec: 'event' | 'class';
  /** Least and most milliseconds before the next attempt to connect; undefined: what the client does unasked. */
  readonly reconnectMs: readonly [number, number] | undefined;
}

/** Reads `source|agent --config FILE (--source ID | --cluster NAME) [--data-type TYPE] ...`; throws what is wrong with it. */
export function parseFlags(args: readonly string[]): Flags {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string', default: '' },
      source: { type: 'string', default: '' },
      cluster: { type: 'string', default: '' },
      'data-type': { type: 'string', default: 'io.ce-broker.test.v1.widgets' },
      state: { type: 'string', default: '' },
      codec: { type: 'string', default: 'event' },
      'reconnect-ms': { type: 'string', default: '' },
    },
  });
  const [role] = positionals;
  const { config, source, cluster, state, codec } = values;
  if (role !== 'source' && role !== 'agent')
    throw new Error(`the first argument is ${JSON.stringify(role)}, expected source or agent`);
  if (config === '') throw new Error('--config FILE is missing');
  if (role === 'source' && source === '') throw new Error('--source ID is missing');
  if (role === 'agent' && cluster === '') throw new Error('--cluster NAME is missing');
  if (codec !== 'event' && codec !== 'class')
    throw new Error(`--codec is ${JSON.stringify(codec)}, expected event or class`);
  const reconnectMs = range(values['reconnect-ms']);
  return { role, config, source, cluster, dataType: values['data-type'], state, codec, reconnectMs };
}

function range(text: string): readonly [number, number] | undefined {
  if (text === '') return undefined;
  const [, least, most] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (least === undefined || most === undefined)
    throw new Error(`--reconnect-ms is ${JSON.stringify(text)}, expected LEAST-MOST`);
  return [Number(least), Number(most)];
}

/** Writes one line. */
export function emit(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

/** What an error says, with its code where it has one. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? `${String(error.code)}: ` : '';
  return `${code}${error.message}`;
}

/** Runs the commands of stdin one after the other, answers each with a `done`, and returns at `quit` or when stdin ends. */
export async function serve(
  handle: (command: Command, signal: AbortSignal) => Promise<Said | undefined>,
): Promise<void> {
  emit({ event: 'ready' });
  for await (const line of createInterface({ input: process.stdin })) {
    const command: Command = JSON.parse(line);
    const answer = { event: 'done', n: command.n, op: command.op };
    if (command.op === 'quit') {
      emit(answer);
      return;
    }
    try {
      emit({ ...answer, ...(await handle(command, AbortSignal.timeout(COMMAND_TIMEOUT_MS))) });
    } catch (error) {
      emit({ ...answer, error: textOf(error) });
    }
  }
}
