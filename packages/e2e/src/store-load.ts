import { MANIFEST_BUNDLES } from 'ce-broker-proto';
import { GrpcConnection } from './grpc-connection.js';
import type { History } from './history.js';
import { specEvent, statusEvent, WIDGETS } from './model-events.js';
import type { Random } from './random.js';
import { NO_ANSWER } from './stored-history.js';
import { pause } from './until.js';

export interface LoadOptions {
  readonly publishers: number;
  /** Resources of each publisher, over all clusters. */
  readonly resources: number;
  readonly clusters: number;
  /** Publishes that each has in flight. */
  readonly inFlight: number;
  /** Size of a spec's data. */
  readonly bytes: number;
  /** Before the names of its clusters and sources. */
  readonly prefix?: string;
  /** Pause after a refusal, in milliseconds. Default 20. */
  readonly restMs?: number;
}

/** A resource as its publisher believes it to be. */
export interface Loaded {
  readonly source: string;
  readonly cluster: string;
  readonly id: string;
  readonly dataType: string;
  life: number;
  version: number;
  /** The highest version of this life that was sent, whatever became of it. */
  spent: number;
  sequence: number;
  /** A status of this life was acknowledged. */
  reported: boolean;
  /** The last Publish got no answer: it may be there or not. */
  uncertain: boolean;
  state: 'absent' | 'live' | 'deleted';
}

export function dataTypeOf(id: string): string {
  return id.startsWith('b') ? MANIFEST_BUNDLES : WIDGETS;
}

/**
 * Publishers that create, update and delete resources, and agents that publish statuses, as fast as they are answered; of one resource, one
 * after the other. They never subscribe, so that no resync can heal what the broker has lost.
 */
export class StoreLoad {
  readonly resources: Loaded[] = [];
  acked = 0;
  refused = 0;
  /** Codes of refusals, and how often each came. */
  readonly codes = new Map<number, number>();
  readonly #options: LoadOptions;
  readonly #history: History;
  readonly #random: Random;
  #stopping = false;
  #workers: Promise<unknown>[] = [];

  constructor(history: History, random: Random, options: LoadOptions) {
    this.#history = history;
    this.#random = random;
    this.#options = options;
    const { prefix = '' } = options;
    for (let p = 0; p < options.publishers; p += 1) {
      for (let r = 0; r < options.resources; r += 1) {
        const id = `${r % 3 === 0 ? 'b' : 'w'}${p}-${r}`;
        this.resources.push({
          source: `${prefix}publisher-${p}`,
          cluster: `${prefix}cluster-${r % options.clusters}`,
          id,
          dataType: dataTypeOf(id),
          life: 0,
          version: 0,
          spent: 0,
          sequence: 0,
          reported: false,
          uncertain: false,
          state: 'absent',
        });
      }
    }
  }

  get clusters(): string[] {
    return Array.from(
      { length: this.#options.clusters },
      (_, n) => `${this.#options.prefix ?? ''}cluster-${n}`,
    );
  }

  get sources(): string[] {
    return Array.from(
      { length: this.#options.publishers },
      (_, n) => `${this.#options.prefix ?? ''}publisher-${n}`,
    );
  }

  /** Begins, at a broker. */
  async start(address: string): Promise<void> {
    this.#stopping = false;
    const connections = await Promise.all(this.sources.map(() => GrpcConnection.open(address)));
    const { inFlight } = this.#options;
    this.#workers = connections.map(async (connection, index) => {
      const own = this.resources.filter(({ source }) => source === this.sources[index]);
      const lanes = Array.from({ length: inFlight }, (_, lane) =>
        own.filter((_resource, n) => n % inFlight === lane),
      );
      await Promise.all(lanes.map((lane) => this.#work(connection, lane)));
      connection.close();
    });
  }

  /** Resolves when all that was under way is answered, or its connection gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#workers);
    this.#workers = [];
  }

  async #work(connection: GrpcConnection, own: readonly Loaded[]): Promise<void> {
    while (!this.#stopping && !connection.closed && own.length > 0) {
      if (await this.#step(connection, this.#random.pick(own))) continue;
      await pause(this.#options.restMs ?? 20);
    }
  }

  /** One Publish of whatever may come next. */
  async #step(connection: GrpcConnection, resource: Loaded): Promise<boolean> {
    const random = this.#random;
    if (resource.state !== 'live') {
      const waits = resource.state === 'deleted' && resource.dataType === MANIFEST_BUNDLES;
      if (waits && random.oneIn(2)) return await this.#status(connection, resource, true);
      if (waits) return true;
      return await this.#spec(connection, resource, 'create_request', {
        life: resource.life + 1,
        version: random.whole(1, 2),
        state: 'live',
      });
    }
    const kind = random.whole(1, 10);
    if (kind <= 2) return await this.#status(connection, resource, false);
    const { life } = resource;
    if (kind === 3)
      return await this.#spec(connection, resource, 'delete_request', {
        life,
        version: resource.version,
        state: 'deleted',
      });
    const version = resource.spent + 1;
    return await this.#spec(connection, resource, 'update_request', { life, version, state: 'live' });
  }

  async #spec(
    connection: GrpcConnection,
    resource: Loaded,
    action: string,
    next: Pick<Loaded, 'life' | 'version' | 'state'>,
  ): Promise<boolean> {
    const { cluster, dataType, id, source } = resource;
    // The number of a life is never used again, whatever becomes of it.
    resource.life = next.life;
    if (next.state === 'live') resource.spent = next.version;
    const deleting = next.state === 'deleted';
    const said = { cluster, id, source, version: next.version, life: next.life, deleted: deleting };
    const fields = { source, dataType, action, cluster, id, deleting, bytes: this.#options.bytes };
    const event = specEvent({ ...fields, version: next.version, life: next.life });
    if (!(await this.#publish(connection, source, event, said, resource))) return false;
    if (action !== 'update_request') resource.reported = false;
    resource.state = next.state;
    resource.version = next.version;
    return true;
  }

  async #status(connection: GrpcConnection, resource: Loaded, gone: boolean): Promise<boolean> {
    const { cluster, dataType, id, source, version } = resource;
    resource.sequence += 1;
    const { sequence } = resource;
    const agent = `${cluster}-agent`;
    const action = gone ? 'delete_request' : 'update_request';
    const event = statusEvent({
      agent,
      dataType,
      action,
      cluster,
      originalSource: source,
      id,
      version,
      sequence,
      gone,
    });
    const said = { cluster, id, source, version, sequence, deleted: gone };
    if (!(await this.#publish(connection, agent, event, said, resource))) return false;
    resource.reported = true;
    if (gone) resource.state = 'absent';
    return true;
  }

  async #publish(
    connection: GrpcConnection,
    who: string,
    event: Uint8Array,
    said: { readonly cluster: string; readonly id: string },
    resource: Loaded,
  ): Promise<boolean> {
    this.#history.add('sent', who, said);
    const { code, message } = await connection.publish(event);
    if (code === 0) {
      this.acked += 1;
      this.#history.add('acked', who, said);
      return true;
    }
    const answered = code !== 14 || !connection.closed;
    if (!answered) resource.uncertain = true;
    if (answered) {
      this.refused += 1;
      this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    }
    this.#history.add('refused', who, { ...said, code: answered ? code : NO_ANSWER, note: message });
    return false;
  }
}
