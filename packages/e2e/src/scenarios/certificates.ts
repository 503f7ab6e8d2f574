import { X509Certificate } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { isHeartbeat } from 'ce-broker-proto';
import type { BrokerProcess } from '../broker-process.js';
import { type ConnectionOptions, GrpcConnection } from '../grpc-connection.js';
import { inBatches } from '../measure.js';
import { specEvent, WIDGETS } from '../model-events.js';
import type { Run, Scenario } from '../run.js';
import { type Pem, TestCa } from '../test-ca.js';
import { until } from '../until.js';

const STREAMS = 500;
/** Streams that share a connection. */
const PER_CONNECTION = 5;
/** The broker looks at its files every few seconds. */
const NOTICED_MS = 30_000;

type Tls = NonNullable<ConnectionOptions['tls']>;

/** Who has no proper certificate does not get in; rotation under open streams ends none of them. */
export const certificates: Scenario = {
  number: 14,
  name: 'certificates',
  async play(run) {
    const fleet = await TestCa.create('fleet');
    const files = new Files(run);
    files.put('server.crt', 'server.key', await fleet.issue('CN=broker', { usage: 'server' }));
    files.write('ca.crt', fleet.pem);
    const broker = await run.broker({
      args: [
        ...['--tls-cert', files.path('server.crt'), '--tls-key', files.path('server.key')],
        ...['--client-ca', files.path('ca.crt')],
      ],
    });
    const agent = await fleet.issue('CN=agent', { usage: 'client' });
    await noEntry(run, broker, fleet, agent);

    const fan = await openStreams(run, broker, { ca: fleet.pem, ...agent });
    await hear(run, broker, fan, { ca: fleet.pem, ...agent });
    const rotations = run.size(3, 20);
    for (let rotation = 1; rotation <= rotations; rotation += 1) {
      files.put('server.crt', 'server.key', await fleet.issue(`CN=broker ${rotation}`, { usage: 'server' }));
      await untilServed(broker, fleet, agent, `CN=broker ${rotation}`);
      run.history.add('fault', 'broker', { note: `server certificate ${rotation}` });
      await hear(run, broker, fan, { ca: fleet.pem, ...agent });
    }

    // Half of a key pair is what a rotation looks like in between: the earlier certificate stays.
    files.write('server.crt', (await fleet.issue('CN=half', { usage: 'server' })).cert);
    await until('the broker says that the pair does not fit', NOTICED_MS, () =>
      /cannot be used/.test(broker.log),
    );
    await hear(run, broker, fan, { ca: fleet.pem, ...agent });

    // Another CA for clients: those of the earlier one stay while they are connected, and do not come back.
    const next = await TestCa.create('next');
    const newcomer = await next.issue('CN=agent', { usage: 'client' });
    files.put('server.crt', 'server.key', await fleet.issue('CN=broker again', { usage: 'server' }));
    files.write('ca.crt', next.pem);
    await until('the next CA counts', NOTICED_MS, () => getsIn(broker, { ca: fleet.pem, ...newcomer }));
    if (await getsIn(broker, { ca: fleet.pem, ...agent }))
      run.fault('a certificate of the earlier CA gets in');
    await hear(run, broker, fan, { ca: fleet.pem, ...newcomer });
    run.figure('streams', STREAMS);
    run.figure('rotations', rotations + 1);
    run.figure('streamsEnded', fan.ended);
    if (fan.ended > 0) run.fault(`${fan.ended} streams ended`);
  },
};

/** Each of these must be kept out, and counted. */
async function noEntry(run: Run, broker: BrokerProcess, fleet: TestCa, agent: Pem): Promise<void> {
  const elsewhere = await TestCa.create('elsewhere');
  const impostor = await TestCa.create('fleet');
  const ca = fleet.pem;
  const kept: Readonly<Record<string, Tls>> = {
    none: { ca },
    expired: { ca, ...(await fleet.issue('CN=agent', { usage: 'client', fromDay: -10, toDay: -1 })) },
    'not yet valid': { ca, ...(await fleet.issue('CN=agent', { usage: 'client', fromDay: 1, toDay: 10 })) },
    'another CA': { ca, ...(await elsewhere.issue('CN=agent', { usage: 'client' })) },
    'a CA of the same name': { ca, ...(await impostor.issue('CN=agent', { usage: 'client' })) },
    'usage of a server': { ca, ...(await fleet.issue('CN=agent', { usage: 'server' })) },
  };
  let outside = 0;
  for (const [name, tls] of Object.entries(kept)) {
    for (let times = run.size(5, 50); times > 0; times -= 1) {
      if (await getsIn(broker, tls)) run.fault(`got in with ${name}`);
      else outside += 1;
    }
  }
  if (await getsIn(broker, { ca: elsewhere.pem, ...agent }))
    run.fault('a client took a broker of another CA');
  if (!(await getsIn(broker, { ca, ...agent }))) run.fault('a proper certificate does not get in');
  const { handshakesFailed } = (await broker.status()).counters;
  run.figure('keptOut', outside);
  run.figure('handshakesFailed', JSON.stringify(handshakesFailed));
  for (const reason of ['no-certificate', 'certificate-expired', 'certificate-not-yet-valid'])
    if (handshakesFailed[reason] === undefined) run.fault(`no failed handshake is counted as ${reason}`);
}

/** Whether a Publish is answered OK. */
async function getsIn(broker: BrokerProcess, tls: Tls): Promise<boolean> {
  let connection: GrpcConnection;
  try {
    connection = await GrpcConnection.open(broker.grpc, { tls });
  } catch {
    return false;
  }
  const { code } = await connection.publish(event('nobody', 'entry', 1));
  connection.close();
  return code === 0;
}

interface Fan {
  ended: number;
  /** The newest version that each stream has. */
  readonly versions: number[];
  version: number;
}

async function openStreams(run: Run, broker: BrokerProcess, tls: Tls): Promise<Fan> {
  const fan: Fan = { ended: 0, versions: new Array<number>(STREAMS).fill(0), version: 0 };
  let over = false;
  run.after(() => {
    over = true;
  });
  await inBatches(STREAMS / PER_CONNECTION, 10, async (index) => {
    const connection = await GrpcConnection.open(broker.grpc, { tls });
    run.after(() => connection.close());
    for (let stream = 0; stream < PER_CONNECTION; stream += 1) {
      const number = index * PER_CONNECTION + stream;
      connection.subscribe(
        { source: '', clusterName: 'fan', dataType: WIDGETS },
        {
          message: (bytes) => {
            if (!isHeartbeat(bytes)) fan.versions[number] = (fan.versions[number] ?? 0) + 1;
          },
          ended: ({ code, message }) => {
            if (over) return;
            fan.ended += 1;
            run.history.add('ended', `stream-${number}`, { code, note: message });
          },
        },
      );
    }
  });
  await until('all are subscribed', 30_000, async () => (await broker.sessions()) === STREAMS);
  return fan;
}

/** One event reaches every stream. */
async function hear(run: Run, broker: BrokerProcess, fan: Fan, tls: Tls): Promise<void> {
  const connection = await GrpcConnection.open(broker.grpc, { tls });
  fan.version += 1;
  const { code, message } = await connection.publish(event('fan', 'work', fan.version));
  if (code !== 0) run.fault(`a publish after a rotation was answered with ${code} ${message}`);
  await until('every stream has the event', 20_000, () =>
    fan.versions.every((version) => version === fan.version),
  ).catch((error) => run.fault(String(error)));
  connection.close();
}

/** Until new connections are served with this certificate. */
async function untilServed(broker: BrokerProcess, ca: TestCa, client: Pem, subject: string): Promise<void> {
  await until(`${subject} is served`, NOTICED_MS, async () => (await served(broker, ca, client)) === subject);
}

function served(broker: BrokerProcess, ca: TestCa, client: Pem): Promise<string> {
  const port = Number(broker.grpc.slice(broker.grpc.lastIndexOf(':') + 1));
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, servername: 'localhost', ALPNProtocols: ['h2'] };
    const socket = connect({ ...options, ca: ca.pem, ...client }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).subject);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

function event(cluster: string, id: string, version: number): Buffer {
  return specEvent({
    source: 'source',
    dataType: WIDGETS,
    action: 'update_request',
    cluster,
    id,
    version,
    life: 1,
    deleting: false,
  });
}

/** PEM files in a folder of their own, each replaced in one step. */
class Files {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ce-broker-certificates-'));

  constructor(run: Run) {
    run.after(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(`${name}.new`), text, { mode: 0o600 });
    renameSync(this.path(`${name}.new`), this.path(name));
  }

  put(cert: string, key: string, pem: Pem): void {
    this.write(cert, pem.cert);
    this.write(key, pem.key);
  }
}
