import { execFile, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodePublishRequest } from 'ce-broker-proto';
import { BrokerProcess, brokerCommand, grpcFrame } from '../../src/index.js';
import { specEvent, WIDGETS } from '../../src/model-events.js';

const e2e = fileURLToPath(new URL('../..', import.meta.url));
const runFile = promisify(execFile);

/** What a tool may need to be built. */
export const SETUP_MS = 600_000;
/** One run of a tool. */
export const RUN_MS = 60_000;

export { WIDGETS };
export const SERVICE = 'io.cloudevents.v1.CloudEventService';

/** The engine under test: h2, unless the environment wants the other one. */
export const ENGINE = process.env['CE_BROKER_RPC_ENGINE'] ?? 'h2';

/** What a tool is called by; those that Go builds are in the cache. */
export const COMMANDS = {
  grpcurl: join(e2e, '.cache', 'bin', 'grpcurl'),
  ghz: join(e2e, '.cache', 'bin', 'ghz'),
  h2load: 'h2load',
  curl: 'curl',
};
export type Tool = keyof typeof COMMANDS;

/** Builds the tool, or looks for it. Rejects, and says what to install, where it is missing. */
export async function prepare(tool: Tool): Promise<void> {
  await runFile(process.execPath, [join(e2e, 'interop', 'setup.mjs'), tool]).catch((error: unknown) => {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(`this test needs ${tool}. ${said.trim()}`);
  });
}

/** Runs a tool, and gives what it printed. Rejects with its own words when it fails. */
export async function run(tool: Tool, args: readonly string[]): Promise<string> {
  const { stdout } = await runFile(COMMANDS[tool], [...args], {
    timeout: RUN_MS,
    maxBuffer: 64 * 1024 * 1024,
    encoding: 'latin1',
  });
  return stdout;
}

/** Starts a tool that goes on by itself; its input is the file, or nothing. */
export function start(tool: Tool, args: readonly string[], input = '/dev/null') {
  const file = openSync(input, 'r');
  const child = spawn(COMMANDS[tool], [...args], { stdio: [file, 'pipe', 'pipe'] });
  closeSync(file);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error(`${tool} has no output`);
  return Object.assign(child, { stdout, stderr });
}

export interface Certificates {
  readonly ca: string;
  /** Flags of the broker. */
  readonly server: readonly string[];
  /** Certificate and key. */
  readonly client: readonly [string, string];
}

/** A folder with certificates, messages and tokens for tools that take files. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'ce-broker-tools-'));

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  /** Makes a development CA, and a certificate each for server and client. */
  certificates(): Certificates {
    const made = spawnSync(process.execPath, [brokerCommand(), 'certs', this.path], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`no certificates: ${made.stderr}`);
    const file = (name: string): string => join(this.path, name);
    return {
      ca: file('ca.crt'),
      server: ['--tls-cert', file('server.crt'), '--tls-key', file('server.key')],
      client: [file('client.crt'), file('client.key')],
    };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A spec for the cluster `tools`. Tools send the same one over and over: the broker acknowledges each copy. */
export function widget(id: string, bytes: number, version = 1, cluster = 'tools'): Buffer {
  return specEvent({
    source: 'tools',
    dataType: WIDGETS,
    action: 'update_request',
    cluster,
    id,
    version,
    life: 1,
    deleting: false,
    bytes,
    eventId: `${id}-${version}`,
    time: 1_767_225_600_000,
  });
}

/** The body of a Publish as protobuf, without gRPC's prefix. */
export function publishRequest(id: string, bytes: number): Buffer {
  return encodePublishRequest(widget(id, bytes));
}

/** The same as HTTP/2 carries it. */
export function publishFrame(id: string, bytes: number): Buffer {
  return grpcFrame(publishRequest(id, bytes));
}

/** A broker, and how many Publishes it has acknowledged and refused since it was last asked. */
export class CountingBroker {
  readonly process: BrokerProcess;
  #acknowledged = 0;
  #refused = 0;

  private constructor(process: BrokerProcess) {
    this.process = process;
  }

  static async start(args: readonly string[] = []): Promise<CountingBroker> {
    return new CountingBroker(await BrokerProcess.start({ args: ['--rpc-engine', ENGINE, ...args] }));
  }

  get grpc(): string {
    return this.process.grpc;
  }

  /** What has been counted since the last call. */
  async counted(): Promise<{ readonly acknowledged: number; readonly refused: number }> {
    const { acknowledged, refused } = (await this.process.status()).counters;
    const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
    const since = { acknowledged: acknowledged - this.#acknowledged, refused: refusals - this.#refused };
    this.#acknowledged = acknowledged;
    this.#refused = refusals;
    return since;
  }
}
