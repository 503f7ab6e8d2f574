import { type Channel, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { CeBrokerError, decodePublishAnswer, ExtensionPath, encodePublishBatch } from 'ce-broker-proto';
import { callError } from './call-error.js';
import type { Call } from './publish-call.js';
import type { QueuedPublish } from './queued-publish.js';

/** A batch has about so many bytes: enough to be worth a message, and little enough for the next one not to wait. */
const BATCH_BYTES = 128 * 1024;
/** Something between that lets the stream open and nothing through is given up after this. */
const OPEN_MS = 3_000;

export interface PublishStreamHost {
  readonly server: string;
  /** It takes more now. */
  ready(stream: PublishStream): void;
  /** It is over; everything that was sent on it has been told. `served`: it carried answers. */
  ended(stream: PublishStream, served: boolean): void;
}

/** One stream of publishes. Nothing is sent before the server's first answer: a stream that is refused has taken nothing. */
export class PublishStream {
  /** What it was opened with. */
  readonly metadata: Metadata;
  readonly #host: PublishStreamHost;
  readonly #call: Call;
  readonly #sent = new Map<number, QueuedPublish>();
  #next = 1;
  #inFlight = 0;
  #window = 0;
  #writing = false;
  #closing = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(channel: Channel, metadata: Metadata, host: PublishStreamHost) {
    this.metadata = metadata;
    this.#host = host;
    this.#call = channel.createCall(ExtensionPath.publishStream, Number.POSITIVE_INFINITY, null, null, null);
    this.#timer = setTimeout(() => this.#call.cancelWithStatus(status.UNAVAILABLE, 'no answer'), OPEN_MS);
    this.#timer.unref();
    this.#call.start(metadata, this);
    this.#call.startRead();
  }

  /** The server has answered, and it still takes events. */
  get isOpen(): boolean {
    return this.#window > 0 && !this.#closing && !this.#over;
  }

  /** Whether the next event may be sent now. */
  takes(bytes: number): boolean {
    if (!this.isOpen || this.#writing) return false;
    return this.#inFlight === 0 || this.#inFlight + bytes <= this.#window;
  }

  /** Sends one batch: as many of the first publishes as may be sent now. Gives their number. */
  send(queue: readonly QueuedPublish[]): number {
    const first = this.#next;
    const events: Uint8Array[] = [];
    let bytes = 0;
    let taken = 0;
    for (const publish of queue) {
      const size = publish.event.byteLength;
      const fits = events.length === 0 || (bytes + size <= BATCH_BYTES && this.takes(size));
      if (!fits) break;
      taken += 1;
      if (publish.isOver) continue;
      this.#sent.set(this.#next, publish);
      this.#next += 1;
      this.#inFlight += size;
      bytes += size;
      events.push(publish.event);
    }
    if (events.length > 0) {
      this.#writing = true;
      const batch = encodePublishBatch({ firstSequence: first, events });
      this.#call.sendMessageWithContext({ callback: this.#written }, batch);
    }
    return taken;
  }

  /** Sends no more, and ends when everything is answered. */
  finish(): void {
    if (this.#closing || this.#over) return;
    this.#closing = true;
    this.#call.halfClose();
  }

  /** Ends it now. */
  cancel(): void {
    if (!this.#over) this.#call.cancelWithStatus(status.CANCELLED, 'cancelled');
  }

  onReceiveMetadata(): void {}

  onReceiveMessage(message: Buffer): void {
    if (this.#over) return;
    try {
      this.#answered(message);
    } catch (thrown) {
      const error = CeBrokerError.from(thrown);
      this.#end(
        new CeBrokerError('internal', `${this.#host.server} sent an answer that cannot be: ${error.message}`),
      );
      this.#call.cancelWithStatus(status.CANCELLED, 'an answer that cannot be');
      return;
    }
    this.#call.startRead();
    this.#host.ready(this);
  }

  onReceiveStatus(ended: StatusObject): void {
    this.#end(
      ended.code === status.OK
        ? new CeBrokerError('unavailable', `${this.#host.server} ended the stream before its answer`)
        : callError(this.#host.server, ended),
    );
  }

  #answered(message: Buffer): void {
    const { acknowledged, acknowledgedEarly, refusals, windowBytes } = decodePublishAnswer(message);
    if (this.#window === 0) {
      clearTimeout(this.#timer);
      if (windowBytes === 0) throw new CeBrokerError('internal', 'the first answer tells no window');
    }
    if (windowBytes > 0) this.#window = windowBytes;
    if (acknowledged >= this.#next) {
      throw new CeBrokerError('internal', `event ${acknowledged} was never sent`);
    }
    for (const { code, message: details, sequence } of refusals) {
      const error = callError(this.#host.server, { code, details } as StatusObject);
      this.#take(sequence)?.fail(error);
    }
    for (const sequence of acknowledgedEarly) this.#take(sequence)?.succeed();
    for (const sequence of this.#sent.keys()) {
      if (sequence > acknowledged) break;
      this.#take(sequence)?.succeed();
    }
  }

  #take(sequence: number): QueuedPublish | undefined {
    const publish = this.#sent.get(sequence);
    if (publish === undefined) return undefined;
    this.#sent.delete(sequence);
    this.#inFlight -= publish.event.byteLength;
    return publish;
  }

  #end(error: CeBrokerError): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    for (const publish of this.#sent.values()) publish.fail(error);
    this.#sent.clear();
    this.#host.ended(this, this.#window > 0);
  }

  readonly #written = (): void => {
    this.#writing = false;
    if (!this.#over) this.#host.ready(this);
  };
}
