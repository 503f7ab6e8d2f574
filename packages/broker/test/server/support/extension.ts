import { type ClientDuplexStream, type ClientReadableStream, credentials } from '@grpc/grpc-js';
import { decodeEvent, type Event, encodeEvent, readResourceId, readResourceVersion } from 'ce-broker-proto';
import {
  BrokerClient,
  type DescribeResponse,
  type PublishAnswer,
  type PublishBatch,
  WatchRequest,
  type WatchResponse,
} from 'ce-broker-proto/service';

/** The extension service as a program without our client sees it: generated code over grpc-js. */
export function extensionClient(port: number): BrokerClient {
  return new BrokerClient(`127.0.0.1:${port}`, credentials.createInsecure());
}

export function describeBroker(client: BrokerClient): Promise<DescribeResponse> {
  return new Promise((resolve, reject) => {
    client.describe({}, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}

interface Ended {
  readonly code: number;
  readonly details: string;
}

/** Resolves what waits when something has come. */
class Waiting {
  #waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ done, resolve }));
  }

  look(): void {
    const due = this.#waiting.filter(({ done }) => done());
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const { resolve } of due) resolve();
  }
}

/** One PublishStream. */
export class Publishing extends Waiting {
  readonly call: ClientDuplexStream<PublishBatch, PublishAnswer>;
  readonly answers: PublishAnswer[] = [];
  readonly early: number[] = [];
  readonly refusals = new Map<number, string>();
  acknowledged = 0;
  ended: Ended | undefined;
  next = 1;

  constructor(client: BrokerClient) {
    super();
    this.call = client.publishStream();
    this.call.on('data', (answer: PublishAnswer) => {
      this.answers.push(answer);
      if (answer.acknowledged > 0n) this.acknowledged = Number(answer.acknowledged);
      this.early.push(...answer.acknowledgedEarly.map(Number));
      for (const { sequence, code, message } of answer.refusals)
        this.refusals.set(Number(sequence), `${code} ${message}`);
      this.look();
    });
    this.call.on('error', () => undefined);
    this.call.on('status', ({ code, details }) => {
      this.ended = { code, details };
      this.look();
    });
  }

  send(events: readonly Event[], first = this.next): void {
    this.call.write({
      firstSequence: BigInt(first),
      events: events.map((event) => Buffer.from(encodeEvent(event))),
    });
    this.next = first + events.length;
  }

  settled(sequence: number): Promise<void> {
    return this.until(() => this.acknowledged >= sequence);
  }

  async end(): Promise<Ended> {
    await this.until(() => this.ended !== undefined);
    return this.ended ?? { code: -1, details: '' };
  }
}

/** One Watch, and what it saw. */
export class Watcher extends Waiting {
  readonly call: ClientReadableStream<WatchResponse>;
  /** `r1 v3`, `r1 gone`, `started`, `caught up`: in order. */
  readonly seen: string[] = [];
  readonly events: Event[] = [];
  /** Of each of them. */
  readonly positions: number[] = [];
  /** What the broker asked. */
  readonly questions: Event[] = [];
  started: { readonly epoch: string; readonly position: number; readonly reason: string } | undefined;
  caughtUp = false;
  heartbeats = 0;
  ended: Ended | undefined;
  /** Where to resume. */
  point: { epoch: string; position: bigint } | undefined;

  constructor(client: BrokerClient, request: Partial<WatchRequest>) {
    super();
    this.call = client.watch(WatchRequest.fromPartial(request));
    this.call.on('data', ({ message }: WatchResponse) => {
      if (message?.$case === 'started') {
        const { point, restartReason: reason } = message.value;
        this.started = { epoch: point?.epoch ?? '', position: Number(point?.position), reason };
        this.seen.push('started');
      } else if (message?.$case === 'batch') {
        for (const [index, bytes] of message.value.events.entries())
          this.#saw(decodeEvent(bytes), Number(message.value.positions[index]));
        this.#reached(message.value.position);
      } else if (message?.$case === 'caughtUp') {
        this.caughtUp = true;
        this.seen.push('caught up');
        this.#reached(message.value.position);
      } else if (message?.$case === 'heartbeat') {
        this.heartbeats += 1;
        this.#reached(message.value.position);
      }
      this.look();
    });
    this.call.on('error', () => undefined);
    this.call.on('status', ({ code, details }) => {
      this.ended = { code, details };
      this.look();
    });
  }

  /** The events that it saw, without the marks. */
  get resources(): string[] {
    return this.seen.filter((one) => one !== 'started' && one !== 'caught up');
  }

  saw(count: number): Promise<void> {
    return this.until(() => this.events.length >= count);
  }

  isCaughtUp(): Promise<void> {
    return this.until(() => this.caughtUp);
  }

  async end(): Promise<Ended> {
    await this.until(() => this.ended !== undefined);
    return this.ended ?? { code: -1, details: '' };
  }

  #reached(position: bigint): void {
    if (position > 0n && this.started !== undefined) this.point = { epoch: this.started.epoch, position };
  }

  #saw(event: Event, position: number): void {
    if (event.type.endsWith('.resync_request')) {
      this.questions.push(event);
      return;
    }
    this.events.push(event);
    this.positions.push(position);
    const gone = event.extensions.has('deletiontimestamp');
    const state = gone ? 'gone' : `v${readResourceVersion(event) ?? 0n}`;
    this.seen.push(`${readResourceId(event)} ${state}`);
  }
}
