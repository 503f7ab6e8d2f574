import {
  CeBrokerError,
  type CloudEventsDataType,
  type CloudEventsType,
  type ResourceStatusHash,
  readClusterName,
} from 'ce-broker-proto';
import { checkEventType } from '../base/check-event-type.js';
import { ClientCore } from '../base/client-core.js';
import type { ClientStatus } from '../base/client-status.js';
import { CodecSet } from '../base/codec-set.js';
import { inSlices } from '../base/in-slices.js';
import { closedError } from '../base/link.js';
import { findOne, listAll } from '../base/listing.js';
import type { PublishOptions } from '../base/publisher.js';
import { resyncRequestType, statusResyncRequests } from '../base/resync-request.js';
import type { Role } from '../base/role.js';
import { checkTimeout, validateConfig } from '../base/validate-config.js';
import { CLUSTER_ALL } from '../generic/lister.js';
import { ResourceAction, type ResourceHandler, type ResourceObject } from '../generic/resource.js';
import { answerSpecResync } from './answer-spec-resync.js';
import type { SourceClientConfig } from './source-config.js';
import { Waiters, type Where } from './waiters.js';

/** Which resource {@link CloudEventSourceClient.waitFor} waits for, and for how long. */
export interface WaitForOptions {
  /** Of this cluster only. Default, and where it is empty: whichever cluster has one with the id. */
  readonly clusterName?: string | undefined;
  /** Of this data type only. Default: whichever the client has a codec for. */
  readonly dataType?: CloudEventsDataType | string | undefined;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up after so many milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

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
    checkEventType(eventType);
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
   * Resolves with the resource once what an agent reported of it satisfies the predicate; what the lister holds, of each data type, is
   * looked at first. An id is unique in its cluster and data type alone: without `clusterName` a report from any cluster counts, and
   * a lister with `get` is asked for one of them. Needs a subscription. Rejects by the signal, `deadline_exceeded`, `cancelled` by
   * `close`, `invalid_argument` for a data type without a codec, and with what the predicate throws.
   */
  async waitFor(uid: string, predicate: (resource: T) => boolean, options: WaitForOptions = {}): Promise<T> {
    const where = this.#where(options);
    if (!this.#core.subscribes) {
      throw new CeBrokerError('failed_precondition', 'waitFor needs a subscription: call subscribe first');
    }
    if (this.#core.signal.aborted) throw closedError();
    return this.#waiters.wait(uid, where, predicate, () => this.#held(uid, where), options);
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
      handled: (resource, event) => this.#waiters.offer(resource, event),
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
    const hashes: ResourceStatusHash[] = [];
    const hash = (resource: T) => {
      hashes.push({ resourceId: resource.uid, statusHash: statusHashGetter(resource) });
    };
    await inSlices(own, hash, () => {
      if (this.#core.signal.aborted) throw closedError();
      if (options.signal?.aborted === true) throw CeBrokerError.from(options.signal.reason, 'cancelled');
    });
    for (const event of statusResyncRequests(this.sourceId, dataType, clusterName, hashes)) {
      await this.#core.publish(event, resyncRequestType(dataType, 'status'), options);
    }
  }

  #where({ clusterName, dataType, timeoutMs }: WaitForOptions): Where {
    checkTimeout(timeoutMs);
    const known = this.#codecs.dataTypes.map(String);
    if (dataType !== undefined && !known.includes(String(dataType))) {
      throw new CeBrokerError(
        'invalid_argument',
        `there is no codec for the data type ${dataType}; this client has: ${known.join(', ')}`,
        { field: 'dataType' },
      );
    }
    return {
      clusterName: clusterName === '' ? undefined : clusterName,
      dataType: dataType === undefined ? undefined : String(dataType),
    };
  }

  async #held(uid: string, where: Where): Promise<readonly T[]> {
    const { lister } = this.#config;
    const found: T[] = [];
    for (const dataType of this.#codecs.dataTypes) {
      if (where.dataType !== undefined && where.dataType !== String(dataType)) continue;
      const options = { clusterName: where.clusterName ?? CLUSTER_ALL, source: this.sourceId, dataType };
      if (lister.get === undefined) {
        found.push(...(await listAll(lister, options)).filter((resource) => resource.uid === uid));
        continue;
      }
      const held = await findOne(lister, uid, options);
      if (held !== undefined) found.push(held);
    }
    return found;
  }
}
