import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect } from 'vitest';
import { BrokerProcess, HonestPair, pause, type RawPeer, until } from '../../src/index.js';

const HONEST_PER_SECOND = 200;

/** A broker with the h2 engine, and a source and an agent on it that must not notice what the test does. */
export class HostileGround {
  #broker: BrokerProcess | undefined;
  #honest: HonestPair | undefined;

  get broker(): BrokerProcess {
    if (this.#broker === undefined) throw new Error('the broker is not started yet');
    return this.#broker;
  }

  get grpc(): string {
    return this.broker.grpc;
  }

  get honest(): HonestPair {
    if (this.#honest === undefined) throw new Error('the honest pair is not started yet');
    return this.#honest;
  }

  async start(args: readonly string[]): Promise<void> {
    this.#broker = await BrokerProcess.start({ args: ['--rpc-engine', 'h2', ...args], collectable: true });
    this.#honest = await HonestPair.start(this.grpc, HONEST_PER_SECOND);
  }

  /** The line of the log about this peer. */
  async logLine(peer: RawPeer): Promise<string> {
    const about = (): string | undefined =>
      this.broker.log.split('\n').find((line) => line.includes(peer.address));
    await until(`the log has a line about ${peer.address}`, 5_000, () => about() !== undefined);
    return about() ?? '';
  }

  /** The pair had every answer and every event, and nobody else is left. */
  async end(): Promise<void> {
    const faults = await this.#honest?.stop();
    const ended = this.#broker?.ended;
    const unhandled = /unhandled/i.test(this.#broker?.log ?? '');
    await this.#broker?.kill();
    expect({ faults, ended, unhandled }).toEqual({ faults: [], ended: undefined, unhandled: false });
  }
}

/** A ground for all tests of a `describe`; `args` are flags of the broker. */
export function hostileGround(args: readonly string[] = []): HostileGround {
  const ground = new HostileGround();
  beforeAll(() => ground.start(args));
  afterAll(() => ground.end());
  return ground;
}

/** A TCP relay that hands on every byte in a segment of its own, both ways. */
export async function dripping(
  target: string,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.slice(target.lastIndexOf(':') + 1)), '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      to.setNoDelay(true);
      from.on('error', () => {}).on('close', () => to.destroy());
      drip(from, to).catch(() => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no TCP port');
  return {
    address: `127.0.0.1:${bound.port}`,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function drip(from: Socket, to: Socket): Promise<void> {
  for await (const chunk of from) {
    for (const byte of chunk as Buffer) {
      to.write(Buffer.from([byte]));
      // A turn of the loop each, so that the other side has read it.
      await new Promise(setImmediate);
    }
  }
}

/** Until the broker has no more connections than the two of the honest pair, or so many. */
export async function nobodyElse(broker: BrokerProcess, connections = 2): Promise<void> {
  await until('the others are gone', 20_000, async () => {
    return (await broker.status()).connections.open <= connections;
  });
  await pause(0);
}
