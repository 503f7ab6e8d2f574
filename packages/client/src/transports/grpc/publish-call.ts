import { type ChannelInterface, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { CeBrokerError } from 'ce-broker-proto';
import { callError } from './call-error.js';
import type { QueuedPublish } from './queued-publish.js';

/** A call below gRPC's client classes, whose wrappers cost as much as the call itself. */
export type Call = ReturnType<ChannelInterface['createCall']>;

/** One publish that is a call of its own: what gRPC calls as its answer comes in. */
export class PublishCall {
  readonly #call: Call;
  readonly #server: string;
  readonly #publish: QueuedPublish;
  #over = false;

  constructor(call: Call, server: string, publish: QueuedPublish) {
    this.#call = call;
    this.#server = server;
    this.#publish = publish;
  }

  send(metadata: Metadata, request: Buffer): void {
    this.#call.start(metadata, this);
    this.#call.startRead();
    this.#call.sendMessageWithContext({}, request);
    this.#call.halfClose();
  }

  onReceiveMetadata(): void {}

  onReceiveMessage(): void {}

  onReceiveStatus(answer: StatusObject): void {
    if (this.#over) return;
    this.#over = true;
    if (answer.code === status.OK) this.#publish.succeed();
    else this.#publish.fail(this.#errorOf(answer));
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call.cancelWithStatus(status.CANCELLED, 'cancelled');
  }

  #errorOf(answer: StatusObject): CeBrokerError {
    if (answer.code !== status.DEADLINE_EXCEEDED) return callError(this.#server, answer);
    return new CeBrokerError('deadline_exceeded', `${this.#server} did not answer a publish in time`, {
      cause: new Error(answer.details),
    });
  }
}
