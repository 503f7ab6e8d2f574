import type { Logger } from 'ce-broker-proto';
import type { CoreNote } from '../core/index.js';
import type { HandshakeFailure } from '../rpc/index.js';
import type { Envelope } from '../wire/envelope.js';
import { clip } from './clip.js';
import type { Clock } from './clock.js';
import { LineLimit } from './line-limit.js';

const LONGEST_FIELD = 500;
/** Lines of one kind that are logged one by one, in a second; the rest is counted. */
const LINES_PER_SECOND = 10;

/** Who went over a limit of the RPC engine, and how. */
interface Offence {
  readonly address: string;
  readonly kind: string;
  readonly message: string;
}

/** Turns what the core notes into log lines. Payloads never appear, and a flood of refusals does not flood the log. */
export class NoteLog {
  readonly #logger: Logger;
  readonly #refusals: LineLimit;
  readonly #handshakes: LineLimit;
  readonly #withoutEffect: LineLimit;
  readonly #damages: LineLimit;
  readonly #offences: LineLimit;
  readonly #offenders = new Map<string, number>();
  readonly #failedHandshakes = new Map<string, number>();
  /** Who sent what is being handled at this moment; undefined: nobody outside. */
  peer: string | undefined = undefined;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    const limit = (): LineLimit => new LineLimit(LINES_PER_SECOND, clock);
    this.#refusals = limit();
    this.#handshakes = limit();
    this.#offences = limit();
    this.#withoutEffect = limit();
    this.#damages = limit();
  }

  /** Handshakes that failed, by reason. */
  get failedHandshakes(): ReadonlyMap<string, number> {
    return this.#failedHandshakes;
  }

  /** Peers that were shut out over a limit of the RPC engine, by what they did. */
  get offenders(): ReadonlyMap<string, number> {
    return this.#offenders;
  }

  /** Whether lines for developers go anywhere. */
  get saysWithoutEffect(): boolean {
    return this.#logger.isLevelEnabled?.('debug') ?? false;
  }

  write(note: CoreNote): void {
    const { kind, ...fields } = note;
    switch (kind) {
      case 'session-opened':
        this.#logger.info(fields, 'subscribed');
        return;
      case 'session-closed':
        this.#logger.info(fields, 'subscription ended');
        return;
      case 'session-evicted':
        this.#logger.warn(fields, 'subscription ended by the broker: it did not keep up');
        return;
      case 'refused':
        this.refused(this.peer === undefined ? fields : { ...fields, peer: this.peer });
        return;
      case 'held':
        this.#logger.warn(clipped(fields), 'held: nothing newer goes out until it is released');
        return;
      case 'released':
        this.#logger.warn(clipped(fields), 'released');
        return;
      case 'discarded':
        this.#logger.warn(
          clipped(fields),
          'deletions that waited are discarded: their resources are wanted as they were',
        );
        return;
      case 'deletions-held':
        this.#logger.warn(
          clipped(fields),
          `${'again' in fields ? 'a source asks again for deletions that were discarded' : 'more was deleted than massDeletion allows'}: further deletions there wait; "ce-broker release --deletions CLUSTER" lets them go, "ce-broker discard --deletions CLUSTER" makes them void`,
        );
        return;
      case 'orphans':
        this.#logger.warn(
          fields,
          'an agent lists resources that no source owns; they are withheld unless orphans is "forward"',
        );
        return;
      case 'second-source':
        this.#logger.warn(
          fields,
          'two sources publish one data type and nothing is kept: each deletes the resources of the other when an agent resyncs; use store "memory"',
        );
        return;
      case 'damaged':
        if (this.#damages.allows())
          this.#logger.error(
            clipped(fields),
            'the store has something else than was written: it is dropped, and whoever has it is asked for it again',
          );
        return;
      case 'reconciling':
        this.#logger.warn(
          fields,
          'the store was restored: what it has goes out once its sources were asked, or after "ce-broker state reconciled"',
        );
        return;
      case 'reconciled':
        this.#logger.info({}, 'reconciled: the restored store counts');
        return;
      case 'store-failed':
        // The store has logged it.
        return;
      case 'undeliverable':
        this.#logger.error(fields, 'an event is too large for its receiver and was left out');
        return;
    }
  }

  /** Says how many lines were left out, once their second is over. Call it now and then. */
  flush(): void {
    const refusals = this.#refusals.takeLeftOut();
    if (refusals > 0) this.#logger.warn({ refusals }, 'more was refused than is logged line by line');
    const handshakes = this.#handshakes.takeLeftOut();
    if (handshakes > 0)
      this.#logger.warn({ handshakes }, 'more TLS handshakes failed than are logged line by line');
    const offenders = this.#offences.takeLeftOut();
    if (offenders > 0)
      this.#logger.warn({ offenders }, 'more peers were shut out than are logged line by line');
    const damaged = this.#damages.takeLeftOut();
    if (damaged > 0) this.#logger.error({ damaged }, 'more is damaged than is logged line by line');
    const publishes = this.#withoutEffect.takeLeftOut();
    if (publishes > 0)
      this.#logger.debug({ publishes }, 'more publishes had no effect than are logged line by line');
  }

  /** Something was refused: one line for each, unless there are many. */
  refused(fields: Readonly<Record<string, unknown>>): void {
    if (this.#refusals.allows()) this.#logger.warn(clipped(fields), 'refused');
  }

  /** Somebody did not get through the TLS handshake. */
  handshakeFailed({ address, reason, message }: HandshakeFailure): void {
    this.#failedHandshakes.set(reason, (this.#failedHandshakes.get(reason) ?? 0) + 1);
    if (this.#handshakes.allows())
      this.#logger.warn({ peer: address, reason }, `a TLS handshake failed: ${message}`);
  }

  /** The RPC engine shut somebody out over a limit, which the message names. */
  offended({ address, kind, message }: Offence): void {
    this.#offenders.set(kind, (this.#offenders.get(kind) ?? 0) + 1);
    if (this.#offences.allows())
      this.#logger.warn({ peer: address, kind }, `a peer was shut out: ${message}`);
  }

  /** A publish was acknowledged and changed nothing. */
  withoutEffect({ source, type, cluster, resourceId }: Envelope, reason: 'stale' | 'duplicate'): void {
    if (!this.#withoutEffect.allows()) return;
    const fields = { reason, source, type: type.name, cluster, resourceId, peer: this.peer };
    this.#logger.debug(clipped(fields), 'a publish had no effect');
  }
}

/** Strangers choose these texts: a log line has an end. */
function clipped(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? clip(value, LONGEST_FIELD) : value,
    ]),
  );
}
