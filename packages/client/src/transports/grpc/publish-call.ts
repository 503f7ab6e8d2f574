import { type ChannelInterface, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { CeBrokerError } from 'ce-broker-proto';
import { callError } from './call-error.js';

/** A call below gRPC's client classes, whose wrappers cost as much as the call itself. */
export type Call = ReturnType<ChannelInterface['createCall']>;

/** One publish under way: what gRPC calls as its answer comes in. */
export class PublishCall {
  readonly #call: Call;
  readonly #server: string;
  readonly #done: (publish: PublishCall) => void;
  readonly #resolve: () => void;
  readonly #reject: (error: CeBrokerError) => void;
  readonly #signal: AbortSignal | undefined;
  #over = false;

  constructor(
    call: Call,
    server: string,
    done: (publish: PublishCall) => void,
    resolve: () => void,
    reject: (error: CeBrokerError) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#call = call;
    this.#server = server;
    this.#done = done;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
  }

  send(metadata: Metadata, request: Buffer): void {
    this.#signal?.addEventListener('abort', this.#aborted, { once: true });
    this.#call.start(metadata, this);
    this.#call.startRead();
    this.#call.sendMessageWithContext({}, request);
    this.#call.halfClose();
  }

  onReceiveMetadata(): void {}

  onReceiveMessage(): void {}

  onReceiveStatus(answer: StatusObject): void {
    if (this.#over) return;
    this.#finish();
    if (answer.code === status.OK) this.#resolve();
    else this.#reject(this.#errorOf(answer));
  }

  cancel(error: CeBrokerError): void {
    if (this.#over) return;
    this.#finish();
    this.#reject(error);
    this.#call.cancelWithStatus(status.CANCELLED, 'cancelled');
  }

  #errorOf(answer: StatusObject): CeBrokerError {
    if (answer.code !== status.DEADLINE_EXCEEDED) return callError(this.#server, answer);
    return new CeBrokerError('deadline_exceeded', `${this.#server} did not answer a publish in time`, {
      cause: new Error(answer.details),
    });
  }

  #finish(): void {
    this.#over = true;
    this.#done(this);
    this.#signal?.removeEventListener('abort', this.#aborted);
  }

  readonly #aborted = (): void => this.cancel(CeBrokerError.from(this.#signal?.reason, 'cancelled'));
}
