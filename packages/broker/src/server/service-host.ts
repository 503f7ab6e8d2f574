import {
  CeBrokerError,
  decodeEvent,
  type Event,
  encodeEvent,
  type Logger,
  splitEventType,
} from 'ce-broker-proto';
import type { Identity } from '../access/identity.js';
import type { BrokerCore, PublishCall, ServiceHook } from '../core/index.js';
import type { Envelope } from '../wire/envelope.js';
import type { Clock } from './clock.js';
import { refusalText } from './refusal.js';
import type { Service } from './service.js';
import { answersOf } from './service-answers.js';
import type { ServiceCalls } from './service-calls.js';

const FAILED_PRECONDITION = 9;
/** Answers published in one turn of the event loop. */
const ANSWERS_PER_TURN = 64;

export interface ServiceHostParts {
  readonly core: BrokerCore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly calls: ServiceCalls;
  readonly newId: () => string;
  readonly listTimeoutMs: number;
}

interface ListAsk {
  readonly cluster: string;
  listed: ReadonlyMap<string, bigint>;
}

/** Between the core and one service of the user's: decodes, waits, answers, and never lets an error through. */
export class ServiceHost implements ServiceHook {
  readonly dataType: string;
  readonly #service: Service;
  readonly #parts: ServiceHostParts;
  readonly #closing = new AbortController();
  /** Clusters that are being listed for, with what was asked meanwhile: one list at a time for each. */
  readonly #lists = new Map<string, ListAsk | undefined>();

  constructor(dataType: string, service: Service, parts: ServiceHostParts) {
    this.dataType = dataType;
    this.#service = service;
    this.#parts = parts;
  }

  handle(envelope: Envelope, identity: Identity, call: PublishCall): void {
    const { calls, clock, core } = this.#parts;
    const open = calls.begin(call, envelope.bytes.byteLength, clock.now());
    if (open === undefined) {
      core.view.counters.count(core.view.counters.refused, 'resource_exhausted');
      call.fail(8, `the service of ${this.dataType} has too many events in hand: publish it again later`);
      return;
    }
    try {
      // The request's bytes are borrowed, and a service may keep what it is given.
      const event = decodeEvent(Uint8Array.from(envelope.bytes));
      const result = this.#service.handle(event, { identity, signal: open.signal });
      if (result === undefined) open.accept();
      else {
        result.then(
          () => open.accept(),
          (thrown: unknown) => open.refuse(FAILED_PRECONDITION, this.#refusal(thrown)),
        );
      }
    } catch (thrown) {
      open.refuse(FAILED_PRECONDITION, this.#refusal(thrown));
    }
  }

  list(cluster: string, _dataType: string, listed: ReadonlyMap<string, bigint>): void {
    const busy = this.#lists.has(cluster);
    this.#lists.set(cluster, busy ? { cluster, listed } : undefined);
    if (!busy) void this.#answer({ cluster, listed });
  }

  /** Sends a spec to the agents. Throws CeBrokerError. */
  publish(event: Event): void {
    if (this.#closing.signal.aborted)
      throw new CeBrokerError('unavailable', `the service of ${this.dataType} is closed`);
    const { dataType, subResource, action } = splitEventType(event.type);
    if (dataType !== this.dataType || subResource !== 'spec') {
      throw new CeBrokerError(
        'invalid_argument',
        `a service of ${this.dataType} publishes its specs: type ${event.type} must begin with ${this.dataType}.spec.`,
        { field: 'type' },
      );
    }
    if (action === 'resync_request') {
      throw new CeBrokerError(
        'invalid_argument',
        `type ${event.type} asks for a resync, which only subscribers do: a service publishes specs, such as ${this.dataType}.spec.create_request`,
        { field: 'type' },
      );
    }
    this.#parts.core.publishFromService(encodeEvent(event), this.#parts.clock.now());
  }

  close(): void {
    this.#closing.abort();
  }

  async #answer(first: ListAsk): Promise<void> {
    let ask: ListAsk | undefined = first;
    while (ask !== undefined && !this.#closing.signal.aborted) {
      const { cluster } = ask;
      try {
        await this.#answerOnce(ask);
      } catch (thrown) {
        const { message } = CeBrokerError.from(thrown);
        this.#parts.logger.error(
          { dataType: this.dataType, cluster, error: message },
          'a service could not list: the resync of this cluster is answered from state only',
        );
      }
      ask = this.#lists.get(cluster);
      if (ask === undefined) this.#lists.delete(cluster);
      else this.#lists.set(cluster, undefined);
    }
  }

  async #answerOnce({ cluster, listed }: ListAsk): Promise<void> {
    const timeout = AbortSignal.timeout(this.#parts.listTimeoutMs);
    const signal = AbortSignal.any([this.#closing.signal, timeout]);
    const events = await raceSignal(
      Promise.resolve(this.#service.list({ clusterName: cluster, dataType: this.dataType, signal })),
      signal,
    );
    const about = { cluster, dataType: this.dataType, listed, newId: this.#parts.newId };
    let sent = 0;
    for (const event of answersOf(events, about)) {
      if (this.#closing.signal.aborted) return;
      try {
        this.publish(event);
      } catch (thrown) {
        const { message } = CeBrokerError.from(thrown);
        this.#parts.logger.warn(
          { dataType: this.dataType, cluster, error: message },
          'a listed event was refused',
        );
      }
      sent += 1;
      if (sent % ANSWERS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #refusal(thrown: unknown): string {
    const { core, logger } = this.#parts;
    core.view.counters.count(core.view.counters.refused, 'failed_precondition');
    logger.debug(
      { dataType: this.dataType, error: CeBrokerError.from(thrown).message },
      'a service refused an event',
    );
    return refusalText(thrown);
  }
}

function raceSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(CeBrokerError.from(signal.reason, 'cancelled'));
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
