import {
  CeBrokerError,
  type CloudEventsDataType,
  type CloudEventsType,
  type Limits,
  readClusterName,
} from 'ce-broker-proto';
import { ClientCore } from '../base/client-core.js';
import type { ClientStatus } from '../base/client-status.js';
import { CodecSet } from '../base/codec-set.js';
import { closedError } from '../base/link.js';
import { findOne, listAll } from '../base/listing.js';
import type { PublishOptions } from '../base/publisher.js';
import { resyncRequestType, statusResyncRequests } from '../base/resync-request.js';
import type { Role } from '../base/role.js';
import { validateConfig } from '../base/validate-config.js';
import { CLUSTER_ALL } from '../generic/lister.js';
import { ResourceAction, type ResourceHandler, type ResourceObject } from '../generic/resource.js';
import { answerSpecResync } from './answer-spec-resync.js';
import type { SourceClientConfig } from './source-config.js';
import { Waiters } from './waiters.js';

/**
 * Publishes what resources should be, and hears what they are (Go: `generic.CloudEventSourceClient`). Once subscribed it also answers
 * agents that ask for what they missed, from its lister. It connects by itself, again after each loss, until `close`.
 */
export class CloudEventSourceClient<T extends ResourceObject> implements AsyncDisposable {
  readonly #config: SourceClientConfig<T>;
  readonly #codecs: CodecSet<T>;
  readonly #core: ClientCore<T>;
  readonly #waiters = new Waiters<T>();

  private constructor(config: SourceClientConfig<T>, codecs: CodecSet<T>) {
    this.#config = config;
    this.#codecs = codecs;
    const { cloudEventsOptions: connection, rateLimit } = config.options;
    this.#core = new ClientCore({ connection, rateLimit, config, codecs, role: this.#role() });
  }

  /**
   * Makes a client, which begins to connect (Go: `NewCloudEventSourceClient`). A server that is not there is no error: `ready` waits for
   * it, `status` tells. Rejects with `invalid_option`, and with what is wrong with the files of the connection.
   */
  static async create<T extends ResourceObject>(
    config: SourceClientConfig<T>,
  ): Promise<CloudEventSourceClient<T>> {
    validateConfig(config, ['sourceId']);
    const codecs = await CodecSet.of(config.codecs);
    await config.options.cloudEventsOptions.check?.();
    const client = new CloudEventSourceClient(config, codecs);
    client.#core.start();
    return client;
  }

  get sourceId(): string {
    return this.#config.options.sourceId;
  }

  /**
   * Publishes what a resource should be (Go: `Publish`). Waits for the rate limit, then resolves when the server has acknowledged the
   * event. Rejects with `invalid_argument` for a type that is no spec or has no codec, with what the codec threw, unchanged, with
   * `unavailable` while there is no connection, and with the server's refusal. Never tried again: resync heals what failed.
   */
  async publish(eventType: CloudEventsType, resource: T, options: PublishOptions = {}): Promise<void> {
    if (eventType.subResource !== 'spec') {
      throw new CeBrokerError('invalid_argument', `a source publishes specs only, not ${eventType}`, {
        field: 'eventType',
      });
    }
    const codec = this.#codecs.need(eventType.dataType);
    const event = codec.encodeEvent(this.sourceId, eventType, resource);
    await this.#core.publishResource(resource.uid, event, eventType, options);
  }

  /**
   * Hands each received status to the handlers, one after the other (Go: `Subscribe`). Resolves when the subscription first stands, which
   * may take as long as the server is away; rejects when the server refuses it, while the client goes on trying, and with
   * `failed_precondition` when it is called again.
   */
  subscribe(...handlers: readonly ResourceHandler<T>[]): Promise<void> {
    return this.#core.subscribe(handlers);
  }

  /** Resolves when the client is connected and, if it subscribes, subscribed. Rejects only by the signal, or `cancelled` by `close`. */
  ready(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return this.#core.ready(options.signal);
  }

  /**
   * Asks the agents of a cluster, of all clusters by default, for each status that differs from what the lister holds (Go:
   * `Resync`). Resolves when the questions are out; the answers come to the handlers. A lister or a hash getter that throws
   * ends it.
   */
  async resync(clusterName: string = CLUSTER_ALL, options: PublishOptions = {}): Promise<void> {
    await this.#core.standing(options);
    for (const dataType of this.#codecs.dataTypes) await this.#resyncType(dataType, clusterName, options);
  }

  /**
   * Resolves with the resource once what an agent reported of it satisfies the predicate; what the lister holds is looked at first. Needs
   * a subscription. Rejects by the signal, `cancelled` by `close`, and with what the predicate throws.
   */
  async waitFor(uid: string, predicate: (resource: T) => boolean, options: Limits = {}): Promise<T> {
    if (!this.#core.subscribes) {
      throw new CeBrokerError('failed_precondition', 'waitFor needs a subscription: call subscribe first');
    }
    if (this.#core.signal.aborted) throw closedError();
    return this.#waiters.wait(uid, predicate, () => this.#held(uid), options);
  }

  /** A value for each time that the connection, and the subscription, came back; one is kept for a slow reader (Go: `ReconnectedChan`). */
  get reconnected(): AsyncIterable<void> {
    return { [Symbol.asyncIterator]: () => this.#core.reconnections() };
  }

  /** What happens to the client from now on; ends with the client. */
  status(): AsyncIterableIterator<ClientStatus> {
    return this.#core.statuses();
  }

  /** Lets go of the connection; what waits is rejected with `cancelled`. Never rejects, and may be called again. */
  async close(): Promise<void> {
    this.#waiters.failAll(closedError());
    await this.#core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #role(): Role<T> {
    const { lister } = this.#config;
    const { sourceId } = this.#config.options;
    return {
      kind: 'source',
      id: sourceId,
      name: `source ${sourceId}`,
      receives: 'status',
      answers: 'spec',
      subscription: (dataType) => ({ source: sourceId, clusterName: '', dataType: dataType.toString() }),
      action: () => ResourceAction.statusModified,
      parties: (request) => ({ source: sourceId, cluster: readClusterName(request) ?? '' }),
      handled: (resource) => this.#waiters.offer(resource),
      answer: (request, dataType, out) =>
        answerSpecResync(
          request,
          dataType,
          {
            sourceId,
            lister,
            codec: this.#codecs.need(dataType),
            publish: (event, kind) => this.#core.publishAnswer(event, kind),
          },
          out,
        ),
      resync: () => this.resync(),
    };
  }

  async #resyncType(
    dataType: CloudEventsDataType,
    clusterName: string,
    options: PublishOptions,
  ): Promise<void> {
    const { lister, statusHashGetter } = this.#config;
    const own = await listAll(lister, { clusterName, source: this.sourceId, dataType });
    const hashes = own.map((resource) => ({
      resourceId: resource.uid,
      statusHash: statusHashGetter(resource),
    }));
    for (const event of statusResyncRequests(this.sourceId, dataType, clusterName, hashes)) {
      await this.#core.publish(event, resyncRequestType(dataType, 'status'), options);
    }
  }

  async #held(uid: string): Promise<T | undefined> {
    for (const dataType of this.#codecs.dataTypes) {
      const options = { clusterName: CLUSTER_ALL, source: this.sourceId, dataType };
      const held = await findOne(this.#config.lister, uid, options);
      if (held !== undefined) return held;
    }
    return undefined;
  }
}
