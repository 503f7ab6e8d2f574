import { decodeEvent, isHeartbeat, readResourceId } from 'ce-broker-proto';
import { nothingAcknowledgedIsLost } from '../checkers.js';
import { type Answer, closeAll, GrpcConnection } from '../grpc-connection.js';
import { inBatches } from '../measure.js';
import { specEvent, tellsOf, WIDGETS } from '../model-events.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const STREAMS = 1_000;
/** So many more read nothing: they must not hold the exit up. */
const STALLED = 10;
const PUBLISHERS = 8;
const EXIT_MS = 10_000;

interface End {
  readonly cluster: string;
  readonly answer: Answer;
  readonly goAway: boolean;
}

/** SIGTERM under 1,000 streams and load: all are told to go elsewhere, and nothing that was acknowledged is lost. */
export const drain: Scenario = {
  number: 19,
  name: 'drain',
  async play(run) {
    const broker = await run.broker();
    const ends: End[] = [];
    await inBatches(STREAMS, 50, (index) => subscribe(run, broker.grpc, `cluster-${index}`, ends, false));
    await inBatches(STALLED, 10, (index) => subscribe(run, broker.grpc, `stalled-${index}`, ends, true));
    const publishers = await Promise.all(
      Array.from({ length: PUBLISHERS }, () => GrpcConnection.open(broker.grpc)),
    );
    run.after(() => closeAll(publishers));
    let acked = 0;
    const codes = new Map<number, number>();
    let version = 0;
    const publishing = publishers.map(async (publisher) => {
      for (;;) {
        version += 1;
        const cluster = version % 20 === 0 ? `stalled-${version % STALLED}` : `cluster-${version % STREAMS}`;
        const mine = version;
        const event = specEvent({
          source: 'source',
          dataType: WIDGETS,
          action: 'update_request',
          cluster,
          id: 'work',
          version: mine,
          life: 1,
          deleting: false,
          bytes: 2_000,
        });
        const { code, message } = await publisher.publish(event);
        const live = cluster.startsWith('cluster');
        if (code === 0) {
          acked += 1;
          if (live) run.history.add('acked', 'source', { cluster, id: 'work', version: mine });
          continue;
        }
        codes.set(code, (codes.get(code) ?? 0) + 1);
        run.history.add('refused', 'source', { cluster, version: mine, code, note: message });
        return;
      }
    });
    await until('the publishers are under way', 30_000, () => acked > 3 * STREAMS);
    run.history.add('fault', 'broker', { note: 'SIGTERM' });
    const { ended, ms } = await broker.stop();
    run.atMost('exitMs', ms, EXIT_MS);
    if (ended !== 0) run.fault(`the broker ended with ${ended}, not with exit code 0`);
    await Promise.all(publishing);
    await until('every stream has ended', 5_000, () => ends.length >= STREAMS + STALLED);

    const live = ends.filter(({ cluster }) => cluster.startsWith('cluster'));
    const told = live.filter(({ answer, goAway }) => answer.code === 14 && (goAway || answer.message !== ''));
    run.figure('toldUnavailable', told.length);
    run.figure('toldByGoAway', live.filter(({ goAway }) => goAway).length);
    const wrong = live.filter(({ answer }) => answer.code !== 14);
    for (const { cluster, answer } of wrong)
      run.fault(`${cluster} was told ${answer.code} ${answer.message}`);
    run.figure('acked', acked);
    run.figure('publishersEndedWith', JSON.stringify(Object.fromEntries(codes)));
    for (const code of codes.keys())
      if (code !== 14) run.fault(`a publisher was told ${code} instead of UNAVAILABLE`);
    run.fault(...nothingAcknowledgedIsLost(run.history.read()));
  },
};

async function subscribe(
  run: Run,
  server: string,
  cluster: string,
  ends: End[],
  stalled: boolean,
): Promise<void> {
  const connection = await GrpcConnection.open(server, { windowBytes: 65_535 });
  run.after(() => connection.close());
  await new Promise<void>((resolve) => {
    const stream = connection.subscribe(
      { source: '', clusterName: cluster, dataType: WIDGETS },
      {
        opened: () => {
          if (stalled) stream.stopReading();
          resolve();
        },
        message: (bytes) => {
          if (isHeartbeat(bytes)) return;
          const event = decodeEvent(bytes);
          const { version } = tellsOf(event);
          run.history.add('got', cluster, { cluster, id: readResourceId(event) ?? '', version });
        },
        ended: (answer) => {
          ends.push({ cluster, answer, goAway: connection.goingAway });
          run.history.add('ended', cluster, { code: answer.code, note: answer.message });
          resolve();
        },
      },
    );
  });
}
