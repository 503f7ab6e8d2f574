import type { Server } from '@grpc/grpc-js';
import { CeBrokerError } from 'ce-broker-proto';
import type { Attachment, RpcEngineStats, RpcMethods } from '../rpc/index.js';
import type { AttachedServer } from './broker.js';
import type { SubscriptionOutlet } from './subscription.js';

const UNAVAILABLE = 14;

export type AttachFunction = (server: Server, methods: RpcMethods) => Attachment;

interface Attached {
  readonly attachment: Attachment;
  /** The subscriptions that came in there. */
  readonly open: Set<SubscriptionOutlet>;
}

/** The servers of others on which the broker serves. */
export class AttachedServers {
  readonly #attach: AttachFunction;
  readonly #methodsFor: (open: Set<SubscriptionOutlet>) => RpcMethods;
  readonly #all = new Set<Attached>();

  constructor(attach: AttachFunction, methodsFor: (open: Set<SubscriptionOutlet>) => RpcMethods) {
    this.#attach = attach;
    this.#methodsFor = methodsFor;
  }

  attach(server: Server): AttachedServer {
    const open = new Set<SubscriptionOutlet>();
    const attached: Attached = { attachment: this.#attachTo(server, open), open };
    this.#all.add(attached);
    return { detach: () => this.#detach(attached, 'the broker has left this server: subscribe again') };
  }

  stats(): RpcEngineStats[] {
    return [...this.#all].map(({ attachment }) => attachment.stats());
  }

  /** The subscriptions on all of them. */
  *subscriptions(): Iterable<SubscriptionOutlet> {
    for (const { open } of this.#all) yield* open;
  }

  close(): void {
    for (const attached of this.#all) this.#detach(attached, 'the broker is shutting down: subscribe again');
  }

  #attachTo(server: Server, open: Set<SubscriptionOutlet>): Attachment {
    try {
      return this.#attach(server, this.#methodsFor(open));
    } catch (thrown) {
      throw CeBrokerError.from(thrown, 'already_exists');
    }
  }

  #detach(attached: Attached, why: string): void {
    if (!this.#all.delete(attached)) return;
    attached.attachment.detach();
    for (const outlet of [...attached.open]) outlet.endConnection(UNAVAILABLE, why, 0);
  }
}
