import { CeBrokerError, type CloudEventsDataType, type CloudEventsType, type Event } from 'ce-broker-proto';
import { checkEventType } from '../base/check-event-type.js';
import { ClientCore } from '../base/client-core.js';
import type { ClientStatus } from '../base/client-status.js';
import { CodecSet } from '../base/codec-set.js';
import { findOne, listAll } from '../base/listing.js';
import type { PublishOptions } from '../base/publisher.js';
import { resyncRequestType, specResyncRequest } from '../base/resync-request.js';
import type { Role } from '../base/role.js';
import { validateConfig } from '../base/validate-config.js';
import { SOURCE_ALL } from '../generic/lister.js';
import type { ResourceAction, ResourceHandler, ResourceObject } from '../generic/resource.js';
import type { AgentClientConfig } from './agent-config.js';
import { answerStatusResync } from './answer-status-resync.js';
import { specAction, versionOf } from './spec-action.js';

/**
 * Receives what the resources of its cluster should be, and publishes what they are (Go: `generic.CloudEventAgentClient`). Once
 * subscribed it also answers sources that ask for statuses, from its lister. It connects by itself, again after each
 * loss, until `close`.
 */
export class CloudEventAgentClient<T extends ResourceObject> implements AsyncDisposable {
  readonly #config: AgentClientConfig<T>;
  readonly #codecs: CodecSet<T>;
  readonly #core: ClientCore<T>;

  private constructor(config: AgentClientConfig<T>, codecs: CodecSet<T>) {
    this.#config = config;
    this.#codecs = codecs;
    const { cloudEventsOptions: connection, rateLimit } = config.options;
    this.#core = new ClientCore({ connection, rateLimit, config, codecs, role: this.#role() });
  }

  /**
   * Makes a client, which begins to connect (Go: `NewCloudEventAgentClient`). A server that is not there is no error: `ready` waits for
   * it, `status` tells. Rejects with `invalid_option`, and with what is wrong with the files of the connection.
   */
  static async create<T extends ResourceObject>(
    config: AgentClientConfig<T>,
  ): Promise<CloudEventAgentClient<T>> {
    validateConfig(config, ['agentId', 'clusterName']);
    const codecs = await CodecSet.of(config.codecs);
    await config.options.cloudEventsOptions.check?.();
    const client = new CloudEventAgentClient(config, codecs);
    client.#core.start();
    return client;
  }

  get agentId(): string {
    return this.#config.options.agentId;
  }

  get clusterName(): string {
    return this.#config.options.clusterName;
  }

  /**
   * Publishes what a resource is (Go: `Publish`). Waits for the rate limit, then resolves when the server has acknowledged the
   * event. Rejects with `invalid_argument` for a type that has no codec or is no status, with what the codec threw, unchanged, with
   * `unavailable` while there is no connection, and with the server's refusal. Never tried again: resync heals what failed.
   */
  async publish(eventType: CloudEventsType, resource: T, options: PublishOptions = {}): Promise<void> {
    checkEventType(eventType);
    const codec = this.#codecs.need(eventType.dataType);
    if (eventType.subResource !== 'status') {
      throw new CeBrokerError('invalid_argument', `an agent publishes statuses only, not ${eventType}`, {
        field: 'eventType',
      });
    }
    const event = codec.encodeEvent(this.agentId, eventType, resource);
    await this.#core.publishResource(resource.uid, event, eventType, options);
  }

  /**
   * Hands each received spec that is news, by what the lister holds, to the handlers, one after the other (Go: `Subscribe`). The
   * handlers see to it that the lister knows what they took. Resolves when the subscription first stands, which may take as long as
   * the server is away; rejects when the server refuses it, while the client goes on trying, and with `failed_precondition` when it
   * is called again.
   */
  subscribe(...handlers: readonly ResourceHandler<T>[]): Promise<void> {
    return this.#core.subscribe(handlers);
  }

  /** Resolves when the client is connected and, if it subscribes, subscribed. Rejects only by the signal, or `cancelled` by `close`. */
  ready(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return this.#core.ready(options.signal);
  }

  /**
   * Asks a source, every source by default, for each spec that is newer than what the lister holds (Go: `Resync`). Resolves when the
   * questions are out; the answers come to the handlers. A lister that throws, or a version that is no number, ends it.
   */
  async resync(source: string = SOURCE_ALL, options: PublishOptions = {}): Promise<void> {
    await this.#core.standing(options);
    for (const dataType of this.#codecs.dataTypes) await this.#resyncType(dataType, source, options);
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
    await this.#core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #role(): Role<T> {
    const { lister, statusHashGetter } = this.#config;
    const { agentId, clusterName } = this.#config.options;
    return {
      kind: 'agent',
      id: agentId,
      name: `agent ${agentId} of cluster ${clusterName}`,
      receives: 'spec',
      answers: 'status',
      subscription: (dataType) => ({ source: '', clusterName, dataType: dataType.toString() }),
      action: (resource, event, dataType) => this.#action(resource, event, dataType),
      parties: (request) => ({ source: request.source, cluster: clusterName }),
      answer: (request, dataType, out) =>
        answerStatusResync(
          request,
          dataType,
          {
            agentId,
            clusterName,
            lister,
            statusHashGetter,
            codec: this.#codecs.need(dataType),
            publish: (event, kind) => this.#core.publishAnswer(event, kind),
          },
          out,
        ),
      resync: () => this.resync(),
    };
  }

  async #action(
    resource: T,
    event: Event,
    dataType: CloudEventsDataType,
  ): Promise<ResourceAction | undefined> {
    const { lister } = this.#config;
    const options = { clusterName: this.clusterName, source: event.source, dataType };
    return specAction(resource, await findOne(lister, resource.uid, options));
  }

  async #resyncType(dataType: CloudEventsDataType, source: string, options: PublishOptions): Promise<void> {
    const { clusterName, agentId } = this;
    const own = await listAll(this.#config.lister, { clusterName, source, dataType });
    const versions = own.map((resource) => ({
      resourceId: resource.uid,
      resourceVersion: versionOf(resource),
    }));
    const request = specResyncRequest(agentId, dataType, clusterName, source, versions);
    try {
      await this.#core.publish(request, resyncRequestType(dataType, 'spec'), options);
    } catch (thrown) {
      throw tooLong(CeBrokerError.from(thrown), versions.length, dataType);
    }
  }
}

/** A list of versions cannot be cut: to a source it is complete. */
function tooLong(error: CeBrokerError, count: number, dataType: CloudEventsDataType): CeBrokerError {
  if (error.code !== 'resource_exhausted') return error;
  const advice = 'raise what the server takes (maxMessageBytes of ce-broker)';
  return new CeBrokerError(
    error.code,
    `the list of the ${count} resources of ${dataType} that this agent holds goes out as one event, and the server refuses it: ${error.message}; if it is too long, ${advice}`,
    { cause: error },
  );
}
