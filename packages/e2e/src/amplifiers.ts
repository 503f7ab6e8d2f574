import { GrpcConnection } from './grpc-connection.js';
import { specResyncEvent, statusResyncEvent, WIDGETS } from './model-events.js';
import { pause } from './until.js';

/** The cluster and the source whose resources amplifiers ask for. */
export const AMPLIFIED_CLUSTER = 'amplified';
export const AMPLIFIED_SOURCE = 'amplified-source';

export interface Told {
  /** How often it asked. */
  readonly asked: number;
  /** By status code, what was answered. */
  readonly codes: Readonly<Record<number, number>>;
  /** What came on its subscriptions. */
  readonly bytes: number;
}

export interface Amplifier {
  readonly name: string;
  /** Asks until that moment, and dials again when it is turned away. */
  play(server: string, until: number): Promise<Told>;
}

const IN_FLIGHT = 4;
const SUBSCRIPTIONS = 1_200;

class Tally {
  asked = 0;
  bytes = 0;
  readonly codes: Record<number, number> = {};

  answered(code: number): void {
    this.codes[code] = (this.codes[code] ?? 0) + 1;
  }
}

/** Subscribes, and asks for a resync with an empty list as fast as it is answered. */
function resyncing(
  name: string,
  as: { readonly source: string; readonly clusterName: string },
  event: () => Buffer,
): Amplifier {
  return {
    name,
    play: async (server, until) => {
      const tally = new Tally();
      while (performance.now() < until) {
        const connection = await GrpcConnection.open(server);
        connection.subscribe(
          { ...as, dataType: WIDGETS },
          { message: (bytes) => (tally.bytes += bytes.length) },
        );
        const asking = async (): Promise<void> => {
          while (performance.now() < until && !connection.closed) {
            tally.asked += 1;
            tally.answered((await connection.publish(event())).code);
          }
        };
        await Promise.all(Array.from({ length: IN_FLIGHT }, asking));
        connection.close();
      }
      return tally;
    },
  };
}

function subscribing(name: string, thenCancel: boolean): Amplifier {
  return {
    name,
    play: async (server, until) => {
      const tally = new Tally();
      while (performance.now() < until) {
        const connection = await GrpcConnection.open(server);
        const ends: Promise<void>[] = [];
        for (let count = 0; count < SUBSCRIPTIONS && !connection.closed; count += 1) {
          tally.asked += 1;
          ends.push(
            new Promise((resolve) => {
              const stream = connection.subscribe(
                { source: '', clusterName: AMPLIFIED_CLUSTER, dataType: WIDGETS },
                {
                  opened: () => {
                    if (thenCancel) stream.cancel();
                  },
                  message: (bytes) => {
                    tally.bytes += bytes.length;
                  },
                  ended: ({ code }) => {
                    tally.answered(code);
                    resolve();
                  },
                },
              );
            }),
          );
        }
        if (thenCancel) await Promise.all(ends);
        // It stays as long as it may.
        else await Promise.race([Promise.all(ends), pause(Math.max(0, until - performance.now()))]);
        connection.close();
        await pause(20);
      }
      return tally;
    },
  };
}

/** What a client can ask for at little cost of its own. */
export const AMPLIFIERS: readonly Amplifier[] = Object.freeze([
  resyncing('an agent that asks for resync in a loop', { source: '', clusterName: AMPLIFIED_CLUSTER }, () =>
    specResyncEvent('amplifier', WIDGETS, AMPLIFIED_CLUSTER, []),
  ),
  resyncing('a source that asks for resync in a loop', { source: AMPLIFIED_SOURCE, clusterName: '' }, () =>
    statusResyncEvent(AMPLIFIED_SOURCE, WIDGETS, []),
  ),
  subscribing('more subscriptions than a connection may have', false),
  subscribing('subscriptions that are cancelled as soon as they stand', true),
]);
