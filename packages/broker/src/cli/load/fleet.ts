import { CeBrokerError } from 'ce-broker-proto';
import type { RawConnectionOptions } from './dial.js';
import { clusterName, type EventTemplate, subscriptionRequest } from './event-template.js';
import { HuffmanDecoder } from './huffman.js';
import type { ResolvedLoadOptions } from './options.js';
import {
  type LoadPublisher,
  type Pace,
  Publisher,
  type PublisherParts,
  ResourceCursor,
} from './publisher.js';
import { RawConnection } from './raw-connection.js';
import { StreamPublisher } from './stream-publisher.js';
import { Subscriber } from './subscriber.js';
import type { Tally } from './tally.js';

export const PUBLISH_PATH = '/io.cloudevents.v1.CloudEventService/Publish';
export const SUBSCRIBE_PATH = '/io.cloudevents.v1.CloudEventService/Subscribe';
export const PUBLISH_STREAM_PATH = '/ce_broker.v1.Broker/PublishStream';
const RECONNECT_MS = 250;
/** Connections that are dialled at the same time. */
const DIALS = 50;

/** The publishers and subscriptions of one run, and their connections. */
export class Fleet {
  #options: ResolvedLoadOptions;
  #template: EventTemplate;
  #tally: Tally;
  #pace: Pace;
  #subscriber: Subscriber;
  #huffman = new HuffmanDecoder();
  #publishers: (LoadPublisher | undefined)[] = [];
  #connections = new Set<RawConnection>();
  #timers = new Set<NodeJS.Timeout>();
  #bytesSent = 0;
  #bytesReceived = 0;
  #closing = false;
  #woken: NodeJS.Immediate | undefined;

  constructor(options: ResolvedLoadOptions, parts: { template: EventTemplate; tally: Tally; pace: Pace }) {
    this.#options = options;
    this.#template = parts.template;
    this.#tally = parts.tally;
    this.#pace = parts.pace;
    // Publishers that wait for deliveries go on in the turn after the delivery, all together.
    const onArrival = () => {
      this.#woken ??= setImmediate(() => {
        this.#woken = undefined;
        this.pump();
      });
    };
    const waits = Number.isFinite(parts.pace.undelivered);
    this.#subscriber = new Subscriber(parts.template, parts.tally, waits ? onArrival : undefined);
  }

  /** Events without an answer. */
  get inFlight(): number {
    let events = 0;
    for (const publisher of this.#publishers) events += publisher?.inFlight ?? 0;
    return events;
  }

  get subscribed(): boolean {
    return this.#options.subscribers > 0;
  }

  get bytesSent(): number {
    let bytes = this.#bytesSent;
    for (const connection of this.#connections) bytes += connection.bytesSent;
    return bytes;
  }

  get bytesReceived(): number {
    let bytes = this.#bytesReceived;
    for (const connection of this.#connections) bytes += connection.bytesReceived;
    return bytes;
  }

  /** Resolves when every subscription has its headers and every publisher its connection. */
  async start(): Promise<void> {
    const { subscribers, subscriptionsPerConnection, publishers } = this.#options;
    const groups = Math.ceil(subscribers / subscriptionsPerConnection);
    await inBatches(groups, async (group) => {
      const from = group * subscriptionsPerConnection;
      await this.#subscribe(from, Math.min(subscribers, from + subscriptionsPerConnection));
    });
    await inBatches(publishers, (index) => this.#publish(index, this.#cursor(index)));
  }

  /** Begins every call that may begin now. */
  pump(): void {
    for (const publisher of this.#publishers) {
      publisher?.pump();
      publisher?.flush();
    }
  }

  close(): void {
    this.#closing = true;
    this.#subscriber.closing = true;
    for (const timer of this.#timers) clearTimeout(timer);
    clearImmediate(this.#woken);
    for (const connection of [...this.#connections]) connection.close();
  }

  #cursor(index: number): ResourceCursor {
    const { publishers, resources, firstVersion, scatteredFrom } = this.#options;
    // With more publishers than resources, some share one: their versions may then cross on the way.
    const first = index % resources;
    return new ResourceCursor(first, Math.min(publishers, resources), resources, firstVersion, scatteredFrom);
  }

  async #publish(index: number, cursor: ResourceCursor): Promise<void> {
    const { inFlight, stream, batch } = this.#options;
    const connection = await this.#connect(stream ? PUBLISH_STREAM_PATH : PUBLISH_PATH, () => {
      this.#publishers[index] = undefined;
      this.#again(() => this.#publish(index, cursor));
    });
    const [template, tally, pace] = [this.#template, this.#tally, this.#pace];
    const parts = { template, cursor, inFlight, pace, tally };
    const publisher = stream
      ? await this.#openStream(connection, parts, batch)
      : new Publisher(connection, parts);
    this.#publishers[index] = publisher;
    publisher.pump();
    publisher.flush();
  }

  async #openStream(
    connection: RawConnection,
    parts: PublisherParts,
    batch: number,
  ): Promise<StreamPublisher> {
    const publisher = new StreamPublisher(connection, parts, batch);
    const { connectTimeoutMs } = this.#options;
    const error = await new Promise<string | undefined>((resolve) => {
      const late = `the publish stream had no headers within ${connectTimeoutMs} ms`;
      const timer = setTimeout(() => {
        connection.close(late);
        resolve(late);
      }, connectTimeoutMs);
      publisher.begin((reason) => {
        clearTimeout(timer);
        resolve(reason);
      });
    });
    if (error !== undefined) throw this.#unavailable(`cannot publish over ${PUBLISH_STREAM_PATH}: ${error}`);
    return publisher;
  }

  async #subscribe(from: number, to: number): Promise<void> {
    const connection = await this.#connect(SUBSCRIBE_PATH, () =>
      this.#again(() => this.#subscribe(from, to)),
    );
    const { publish, clusters, dataType, source, connectTimeoutMs } = this.#options;
    await new Promise<void>((resolve, reject) => {
      let missing = to - from;
      const timer = setTimeout(
        () => settle(`${missing} subscriptions had no headers within ${connectTimeoutMs} ms`),
        connectTimeoutMs,
      );
      const settle = (error: string | undefined) => {
        missing -= 1;
        if (error === undefined && missing > 0) return;
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(this.#unavailable(`cannot subscribe: ${error}`));
      };
      for (let index = from; index < to; index++) {
        const request =
          publish === 'spec'
            ? subscriptionRequest({ cluster: clusterName(index % clusters), dataType })
            : subscriptionRequest({ source, dataType });
        this.#subscriber.open(connection, request, settle);
      }
      connection.flush();
    });
  }

  async #connect(path: string, onLost: () => void): Promise<RawConnection> {
    const { host, port, tls, token, connectTimeoutMs } = this.#options;
    const options: RawConnectionOptions = {
      host,
      port,
      path,
      tls,
      token,
      connectTimeoutMs,
      huffman: this.#huffman,
    };
    let connection: RawConnection;
    try {
      connection = await RawConnection.connect(options);
    } catch (error) {
      throw this.#unavailable(error instanceof Error ? error.message : String(error), error);
    }
    if (connection.closed) throw this.#unavailable('the server closed the connection at once');
    this.#connections.add(connection);
    connection.onClosed = () => {
      this.#connections.delete(connection);
      this.#bytesSent += connection.bytesSent;
      this.#bytesReceived += connection.bytesReceived;
      if (!this.#closing) onLost();
    };
    if (this.#closing) connection.close();
    return connection;
  }

  /** Dials again after a while, until it works or the run is over. */
  #again(work: () => Promise<void>): void {
    if (this.#closing) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#tally.reconnects += 1;
      work().catch(() => this.#again(work));
    }, RECONNECT_MS);
    this.#timers.add(timer);
  }

  #unavailable(reason: string, cause?: unknown): CeBrokerError {
    const text = `${this.#options.server}: ${reason}. Is a CloudEvents gRPC server listening there, and does it use the same TLS settings?`;
    return new CeBrokerError('unavailable', text, { field: 'server', cause });
  }
}

/** Does `count` pieces of work, some at the same time; the first failure ends it. */
async function inBatches(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(DIALS, count) }, worker));
}
