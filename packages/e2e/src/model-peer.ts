import { decodeEvent, type Event, isHeartbeat, type TransportSubscribeRequest } from 'ce-broker-proto';
import { type Answer, GrpcConnection, type OpenStream } from './grpc-connection.js';
import type { History } from './history.js';
import type { Random } from './random.js';

export interface PeerOptions {
  /** Its name in the history. */
  readonly name: string;
  /** HOST:PORT, asked at each dial: the broker, or a cable to it, may have moved. */
  readonly address: () => string;
  readonly history: History;
  readonly random: Random;
  /** It dials again after a time between these two, in milliseconds. Default 50 and 250. */
  readonly backoffMs?: readonly [least: number, most: number];
  /** Without a heartbeat for so long it gives the connection up and dials again (Go: serverHealthinessTimeout). Default: never. */
  readonly healthinessTimeoutMs?: number;
  /** Received events are written into the history. Default `true`. */
  readonly recordsEvents?: boolean;
}

/**
 * A client that subscribes, and subscribes again whenever its stream or connection ends: what the model source and the model
 * agent have in common. One connection carries its subscription and its Publishes, as in Go.
 */
export abstract class ModelPeer {
  readonly name: string;
  protected readonly history: History;
  protected readonly recordsEvents: boolean;
  readonly #options: PeerOptions;
  readonly #request: TransportSubscribeRequest;
  #connection: GrpcConnection | undefined;
  #stream: OpenStream | undefined;
  #open = false;
  #wanted = false;
  /** How often it was started: what an earlier start began is not its own. */
  #starts = 0;
  #retry: NodeJS.Timeout | undefined;
  #lastHeartbeat = 0;
  #watch: NodeJS.Timeout | undefined;
  /** How often it has been subscribed. */
  opens = 0;
  /** Publishes without an answer yet. */
  inFlight = 0;
  /** Times of the heartbeats of the present subscription, in milliseconds. */
  readonly heartbeats: number[] = [];
  lastEnd: Answer | undefined;

  constructor(options: PeerOptions, request: TransportSubscribeRequest) {
    this.name = options.name;
    this.history = options.history;
    this.recordsEvents = options.recordsEvents ?? true;
    this.#options = options;
    this.#request = request;
  }

  /** Subscribed at this moment, as far as it knows. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Dials, and goes on dialling until `stop`. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#starts += 1;
    this.#dial();
  }

  stop(): void {
    this.#wanted = false;
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#connection?.close();
    this.#connection = undefined;
    this.#open = false;
  }

  /** Drops the connection without a word to the broker's streams; it dials again by itself. */
  drop(): void {
    this.#connection?.close();
  }

  /** Publishes; without a subscription it fails at once, as in Go ("the cloudevents client is not ready"). */
  protected async send(event: Uint8Array): Promise<Answer> {
    const connection = this.#connection;
    if (connection === undefined || connection.closed || !this.#open)
      return { code: 14, message: 'the client is not ready' };
    this.inFlight += 1;
    const answer = await connection.publish(event);
    this.inFlight -= 1;
    return answer;
  }

  /** The subscription stands, for the first time or again: time to resync. */
  protected abstract onOpen(): void;
  protected abstract onEvent(event: Event): void;

  #dial(): void {
    const starts = this.#starts;
    GrpcConnection.open(this.#options.address()).then(
      (connection) => {
        // Stopped meanwhile, and perhaps started again, which dials for itself.
        if (!this.#wanted || starts !== this.#starts) connection.close();
        else this.#subscribe(connection);
      },
      () => {
        if (starts === this.#starts) this.#dialLater();
      },
    );
  }

  #dialLater(): void {
    clearInterval(this.#watch);
    if (!this.#wanted) return;
    const [least, most] = this.#options.backoffMs ?? [50, 250];
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#dial(), this.#options.random.whole(least, most));
  }

  #subscribe(connection: GrpcConnection): void {
    this.#connection = connection;
    let over = false;
    const end = (answer: Answer) => {
      if (over) return;
      over = true;
      this.lastEnd = answer;
      this.history.add('ended', this.name, { code: answer.code, note: answer.message });
      connection.close();
      // One that was stopped, and ends while the next stands or is dialled, is nobody's any more: a program has one subscription.
      if (this.#connection !== connection) return;
      this.#open = false;
      this.#connection = undefined;
      this.#dialLater();
    };
    connection.onClosed = (reason) => end({ code: 14, message: reason });
    this.#stream = connection.subscribe(this.#request, {
      opened: () => {
        this.#open = true;
        this.opens += 1;
        this.#lastHeartbeat = performance.now();
        this.heartbeats.length = 0;
        this.history.add('open', this.name);
        this.#watchHealth();
        this.onOpen();
      },
      message: (bytes) => {
        if (!isHeartbeat(bytes)) {
          this.onEvent(decodeEvent(bytes));
          return;
        }
        this.#lastHeartbeat = performance.now();
        this.heartbeats.push(this.#lastHeartbeat);
      },
      ended: end,
    });
  }

  #watchHealth(): void {
    const timeout = this.#options.healthinessTimeoutMs;
    if (timeout === undefined) return;
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      if (performance.now() - this.#lastHeartbeat > timeout) this.#connection?.close();
    }, 100);
  }

  /** Reads nothing more. */
  freeze(): void {
    this.#stream?.stopReading();
  }
}

export function stopAll(peers: Iterable<ModelPeer>): void {
  for (const peer of peers) peer.stop();
}
