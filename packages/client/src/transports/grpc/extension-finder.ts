import { type Channel, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { type BrokerDescription, decodeDescription, ExtensionPath } from 'ce-broker-proto';

/** A server that does not say in time whether it has the service is taken for one that has not. */
const ASK_MS = 2_000;
const NOTHING = Buffer.alloc(0);

type Told = (description: BrokerDescription | undefined) => void;

/** Finds out, once for a connection, whether the server has the extension service. */
export class ExtensionFinder {
  #found: BrokerDescription | undefined;
  #waiting: Told[] | undefined = [];

  /** Asks now. */
  constructor(channel: Channel, metadata: Metadata) {
    const call = channel.createCall(ExtensionPath.describe, Date.now() + ASK_MS, null, null, null);
    let answer: Buffer | undefined;
    call.start(metadata, {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (message: Buffer) => {
        answer = message;
      },
      onReceiveStatus: ({ code }: StatusObject) =>
        this.#settle(code === status.OK && answer !== undefined ? read(answer) : undefined),
    });
    call.startRead();
    call.sendMessageWithContext({}, NOTHING);
    call.halfClose();
  }

  /** Tells what was found: at once where it is known. Undefined: the server has no such service, or something between denies it. */
  ask(told: Told): void {
    if (this.#waiting === undefined) told(this.#found);
    else this.#waiting.push(told);
  }

  #settle(found: BrokerDescription | undefined): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#found = found;
    for (const told of waiting) told(found);
  }
}

/** Undefined for what is no description. */
function read(bytes: Buffer): BrokerDescription | undefined {
  try {
    return decodeDescription(bytes);
  } catch {
    return undefined;
  }
}
