import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { putLast } from '../../../src/store/databases.js';
import { Random } from './random.js';

const BINARY = { encoding: 'binary', keyEncoding: 'binary', cache: false } as const;

/** A store as a broker has one, by hand: values of all sizes, deletions, many commits. */
export class MixedStore {
  readonly path: string;
  readonly file: string;
  readonly #random: Random;
  readonly #env: RootDatabase<Buffer, Buffer>;
  readonly #events: Database<Buffer, Buffer>;
  readonly #heads: Database<Buffer, Buffer>;
  readonly #journal: Database<Buffer, Buffer>;
  #position = 0;
  #lowest = 0;
  #group = 0;

  constructor(path: string, seed: number) {
    this.path = path;
    this.file = join(path, 'data.mdb');
    this.#random = new Random(seed);
    this.#env = open<Buffer, Buffer>({
      ...BINARY,
      path,
      noSubdir: false,
      maxDbs: 16,
      overlappingSync: false,
      noMemInit: true,
      noSync: true,
    });
    const database = (name: string) => this.#env.openDB<Buffer, Buffer>({ ...BINARY, name });
    this.#events = database('events');
    this.#heads = database('heads');
    this.#journal = database('journal');
  }

  /** Some records more, some less, in one commit. */
  async commit(): Promise<void> {
    const random = this.#random;
    const writes: Promise<boolean>[] = [];
    const head = () => Buffer.from(`${random.below(4)}:resource-${random.below(1_500)}`);
    for (let i = random.below(40); i >= 0; i--) {
      const bytes = random.below(20) === 0 ? random.below(30_000) : random.below(400);
      putLast(this.#events, key(this.#position++), Buffer.alloc(bytes, 7));
      writes.push(this.#heads.put(head(), Buffer.alloc(random.below(300), 3)));
      if (random.below(3) === 0) writes.push(this.#heads.remove(head()));
    }
    writes.push(this.#journal.put(key(this.#group++), Buffer.alloc(random.below(6_000), 1)));
    if (this.#group % 3 === 0) writes.push(this.#journal.remove(key(this.#group - 3)));
    while (this.#lowest < this.#position - 1_000) writes.push(this.#events.remove(key(this.#lowest++)));
    await Promise.all(writes);
  }

  async close(): Promise<void> {
    await this.#env.close();
  }
}

function key(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(number, 4);
  return bytes;
}
