import { decodeEvent, isHeartbeat, readResourceId } from 'ce-broker-proto';
import { type Answer, GrpcConnection } from '../grpc-connection.js';
import { Samples } from '../measure.js';
import { specEvent, tellsOf, WIDGETS } from '../model-events.js';
import { until } from '../until.js';

const RESOURCES = 50;
const BYTES = 500;
const TICK_MS = 5;
let pairs = 0;

/** What a pair saw since it was last asked. */
export interface Seen {
  readonly acknowledged: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A source and an agent, each on a connection of its own, to whom whatever others do must make no difference. */
export class HonestPair {
  /** What went wrong for them, a sentence each. */
  readonly faults: string[] = [];
  readonly #publisher: GrpcConnection;
  readonly #receiver: GrpcConnection;
  readonly #cluster: string;
  readonly #perSecond: number;
  readonly #newest = new Map<string, number>();
  readonly #arrived = new Map<string, number>();
  #samples = new Samples();
  #timer: NodeJS.Timeout | undefined;
  #inFlight = 0;
  #sent = 0;
  #over = false;

  private constructor(
    publisher: GrpcConnection,
    receiver: GrpcConnection,
    cluster: string,
    perSecond: number,
  ) {
    this.#publisher = publisher;
    this.#receiver = receiver;
    this.#cluster = cluster;
    this.#perSecond = perSecond;
  }

  /** Publishes so many updates a second, a few resources over and over, until it is stopped. */
  static async start(server: string, perSecond: number): Promise<HonestPair> {
    const [publisher, receiver] = await Promise.all([
      GrpcConnection.open(server),
      GrpcConnection.open(server),
    ]);
    pairs += 1;
    const pair = new HonestPair(publisher, receiver, `honest-${pairs}`, perSecond);
    await pair.#subscribe();
    pair.#publish();
    return pair;
  }

  /** What was acknowledged since the last call, and how fast. */
  take(): Seen {
    const samples = this.#samples;
    this.#samples = new Samples();
    return {
      acknowledged: samples.count,
      p50Ms: samples.percentile(50),
      p99Ms: samples.percentile(99),
    };
  }

  /** Until so many more have been acknowledged: it is alive, and not held up. */
  async goesOn(publishes = 50, timeoutMs = 20_000): Promise<void> {
    const from = this.#samples.count;
    await until(`an honest client has ${publishes} more answers`, timeoutMs, () => {
      if (this.faults.length > 0) throw new Error(this.faults.slice(0, 3).join('; '));
      return this.#samples.count >= from + publishes || this.#samples.count < from;
    });
  }

  /** Ends it, once all that it published has arrived. Resolves with what went wrong. */
  async stop(): Promise<readonly string[]> {
    clearInterval(this.#timer);
    try {
      await until('every publish is answered', 20_000, () => this.#inFlight === 0);
      await until('the newest version of each resource has arrived', 20_000, () =>
        [...this.#newest].every(([id, version]) => this.#arrived.get(id) === version),
      );
    } catch (error) {
      this.faults.push(error instanceof Error ? error.message : String(error));
    }
    this.#over = true;
    this.#publisher.close();
    this.#receiver.close();
    return this.faults;
  }

  #subscribe(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#receiver.subscribe(
        { source: '', clusterName: this.#cluster, dataType: WIDGETS },
        {
          opened: resolve,
          message: (bytes) => {
            if (isHeartbeat(bytes)) return;
            const event = decodeEvent(bytes);
            this.#arrived.set(readResourceId(event) ?? '', tellsOf(event).version);
          },
          ended: ({ code, message }) => {
            if (this.#over) return;
            this.faults.push(`an honest subscriber was ended with ${code} ${message}`);
            reject(new Error(message));
          },
        },
      );
    });
  }

  #publish(): void {
    const began = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - began) / 1000) * this.#perSecond;
      while (this.#sent < due) this.#one();
    }, TICK_MS);
  }

  #one(): void {
    this.#sent += 1;
    const id = `work-${this.#sent % RESOURCES}`;
    const version = this.#sent;
    const event = specEvent({
      source: this.#cluster,
      dataType: WIDGETS,
      action: 'update_request',
      cluster: this.#cluster,
      id,
      version,
      life: 1,
      deleting: false,
      bytes: BYTES,
    });
    const from = performance.now();
    this.#inFlight += 1;
    this.#newest.set(id, version);
    this.#publisher.publish(event).then((answer) => this.#answered(answer, performance.now() - from));
  }

  #answered({ code, message }: Answer, ms: number): void {
    this.#inFlight -= 1;
    if (code === 0) this.#samples.add(ms);
    else if (!this.#over) this.faults.push(`an honest publish was answered with ${code} ${message}`);
  }
}
