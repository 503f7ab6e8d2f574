// A broker with its store on disk, with publishers in the same process, which say in the witness file what was acknowledged:
// node broker-writer.js FOLDER WITNESS PUBLISHES SEED
// Lines of the witness: `spec ID VERSION`, `deleted ID VERSION`, `status ID SEQUENCE`.
import { openSync, writeSync } from 'node:fs';
import { type Broker, formatAddress } from 'ce-broker';
import { lmdbStore } from 'ce-broker/lmdb';
import { GrpcConnection } from '../grpc-connection.js';
import { specEvent, statusEvent, WIDGETS } from '../model-events.js';
import { Random } from '../random.js';
import { startTestBroker } from '../rpc-engine.js';

const PUBLISHERS = 6;
const RESOURCES = 25;
const PAD_BYTES = 1_024;
const [, , dataDir = '', witnessPath = '', publishes = '', seed = ''] = process.argv;
const witness = openSync(witnessPath, 'a');
const random = new Random(Number(seed));

interface Known {
  version: number;
  sequence: number;
  deleted: boolean;
}

/** Publishes for resources of its own, one after the other. */
class Publisher {
  readonly #name: string;
  readonly #random = random.fork();
  readonly #known = new Map<string, Known>();

  constructor(name: string) {
    this.#name = name;
  }

  async publish(connection: GrpcConnection, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const id = `${this.#name}-${this.#random.whole(1, RESOURCES)}`;
      const known = this.#known.get(id);
      if (known?.deleted === true) continue;
      const line =
        known === undefined || this.#random.next() < 0.6
          ? await this.#spec(connection, id, known)
          : await this.#status(connection, id, known);
      writeSync(witness, `${line}\n`);
    }
  }

  async #spec(connection: GrpcConnection, id: string, known: Known | undefined): Promise<string> {
    const next = known ?? { version: 0, sequence: 0, deleted: false };
    next.version += 1;
    next.deleted = next.version > 3 && this.#random.oneIn(12);
    this.#known.set(id, next);
    await mustBeTaken(
      connection,
      specEvent({
        source: this.#name,
        dataType: WIDGETS,
        action: next.deleted ? 'delete_request' : 'update_request',
        cluster: 'cluster',
        id,
        version: next.version,
        life: 1,
        deleting: next.deleted,
        // Now and then one that takes pages of its own.
        bytes: this.#random.oneIn(15) ? 9 * PAD_BYTES : PAD_BYTES,
      }),
    );
    return `${next.deleted ? 'deleted' : 'spec'} ${id} ${next.version}`;
  }

  async #status(connection: GrpcConnection, id: string, known: Known): Promise<string> {
    known.sequence += 1;
    await mustBeTaken(
      connection,
      statusEvent({
        agent: 'agent',
        dataType: WIDGETS,
        action: 'update_request',
        cluster: 'cluster',
        originalSource: this.#name,
        id,
        version: known.version,
        sequence: known.sequence,
        gone: false,
      }),
    );
    return `status ${id} ${known.sequence}`;
  }
}

async function mustBeTaken(connection: GrpcConnection, event: Buffer): Promise<void> {
  const { code, message } = await connection.publish(event);
  if (code !== 0) throw new Error(`a publish was refused: ${code} ${message}`);
}

/** The journal of groups is settled often, so that this is in the middle of it, too. */
function start(): Promise<Broker> {
  return startTestBroker({ listen: '127.0.0.1:0', store: lmdbStore({ dataDir, settleAt: 40 }) });
}

const publishers = Array.from({ length: PUBLISHERS }, (_, index) => new Publisher(`source-${index}`));
// A clean end and a second start are part of what the power may fail in.
for (let half = 0; half < 2; half++) {
  const broker = await start();
  if (broker.address === undefined) throw new Error('the broker does not listen');
  const address = formatAddress(broker.address);
  await Promise.all(
    publishers.map(async (publisher) => {
      const connection = await GrpcConnection.open(address);
      await publisher.publish(connection, Math.ceil(Number(publishes) / PUBLISHERS / 2));
      connection.close();
    }),
  );
  await broker.close({ graceMs: 0 });
}
