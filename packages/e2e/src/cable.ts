import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * The network between a client and the broker, as a TCP relay: it can be cut, and it can swallow everything while both sides
 * believe that they are connected, as when a machine vanishes without a word.
 */
export class Cable {
  readonly address: string;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #swallowing = false;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** `target`: HOST:PORT of the broker, asked for each connection, as it may move. */
  static async lay(target: () => string): Promise<Cable> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no TCP port');
    const cable = new Cable(server, `127.0.0.1:${bound.port}`);
    server.on('connection', (near) => cable.#join(near, target()));
    return cable;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Everything that is sent vanishes, both ways, and nothing is closed; new connections get no answer either. */
  swallow(): void {
    this.#swallowing = true;
    for (const [near, far] of this.#pairs) {
      near.unpipe(far);
      far.unpipe(near);
      near.resume();
      far.resume();
    }
  }

  /** New connections work again; those that were swallowed stay dead, as they have lost bytes. */
  mend(): void {
    this.#swallowing = false;
  }

  /** Both sides of each connection are reset. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket, target: string): void {
    const port = Number(target.slice(target.lastIndexOf(':') + 1));
    const far = connect(port, '127.0.0.1');
    near.setNoDelay(true);
    far.setNoDelay(true);
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    const over = () => {
      // While everything vanishes, so does the news that one side has closed.
      if (this.#swallowing && !(near.destroyed && far.destroyed)) return;
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on('error', () => {}).on('close', over);
    far.on('error', () => {}).on('close', over);
    if (this.#swallowing) {
      near.resume();
      far.resume();
      return;
    }
    near.pipe(far);
    far.pipe(near);
  }
}
