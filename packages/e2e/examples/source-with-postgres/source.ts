// A source whose resources are rows of a PostgreSQL table: node source.js [HOST:PORT]
// The database is found by the usual variables: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.
import {
  CloudEventSourceClient,
  CloudEventsDataType,
  CloudEventsType,
  EventAction,
  echoedStatusHash,
  grpcSourceOptions,
  jsonCodec,
} from 'ce-broker-client';
import { Client, Pool } from 'pg';
import { type Widget, type WidgetSpec, type WidgetStatus, WidgetTable } from './widget-table.js';

const SOURCE_ID = 'widget-hub';
const AT_ONCE = 100;
const LOOK_AGAIN_MS = 10_000;
const url = process.argv[2] ?? '127.0.0.1:8090';
const dataType = CloudEventsDataType.parse('com.example.v1.widgets');
const update = new CloudEventsType(dataType, 'spec', EventAction.updateRequest);

const pool = new Pool();
const table = new WidgetTable(pool, SOURCE_ID);
const source = await CloudEventSourceClient.create<Widget>({
  options: grpcSourceOptions({ url }, SOURCE_ID),
  lister: table,
  statusHashGetter: echoedStatusHash,
  codecs: [jsonCodec<WidgetSpec, WidgetStatus>({ dataType })],
});

/** Publishes what is committed and not acknowledged, until there is nothing left. */
async function publishAll(): Promise<void> {
  for (;;) {
    const widgets = await table.unpublished(AT_ONCE);
    if (widgets.length === 0) return;
    await Promise.all(
      widgets.map(async (widget) => {
        await source.publish(update, widget);
        await table.acknowledged(widget);
        console.log(`published ${widget.clusterName}/${widget.name} version ${widget.resourceVersion}`);
      }),
    );
  }
}

// One round at a time. What fails stays in the table, and goes out with a later round.
let rounds = Promise.resolve();
function publishSoon(): void {
  rounds = rounds.then(publishAll).catch((error: Error) => console.error(error.message));
}

// Told of each commit, and only of commits.
const changes = new Client();
changes.on('notification', publishSoon);
await changes.connect();
await changes.query('LISTEN widgets');

// A first subscription that the server refuses is tried again like any other; what is wrong is in the log.
source
  .subscribe(async (_action, widget) => {
    await table.report(widget);
    console.log(`reported ${widget.clusterName}/${widget.name}: ${widget.status?.state}`);
  })
  .then(publishSoon, () => undefined);
const lookAgain = setInterval(publishSoon, LOOK_AGAIN_MS);

async function close(): Promise<void> {
  clearInterval(lookAgain);
  await source.close();
  await changes.end();
  await rounds;
  await pool.end();
}
process.once('SIGTERM', close);
process.once('SIGINT', close);

// Without its database a source is none: it ends, and whoever started it starts it again.
function gone(error: Error): void {
  console.error(`the database: ${error.message}`);
  process.exit(1);
}
pool.on('error', gone);
changes.on('error', gone);

// The connection to the broker came back: so does what could not be published meanwhile.
for await (const _ of source.reconnected) publishSoon();
