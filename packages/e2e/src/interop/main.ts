// A generic source or agent over ce-broker-client, with the line protocol of the Go programs:
//   node main.js source|agent --config FILE (--source ID | --cluster NAME) [--data-type TYPE] [--state FILE]
//                [--codec event|class] [--reconnect-ms LEAST-MOST]
import {
  type AnyCodec,
  buildCloudEventsAgentOptions,
  buildCloudEventsSourceOptions,
  CloudEventAgentClient,
  CloudEventSourceClient,
  ConfigLoader,
} from 'ce-broker-client';
import { widgetClassCodec } from './class-codec.js';
import { widgetEventCodec } from './event-codec.js';
import { emit, type Flags, parseFlags, serve, textOf } from './line.js';
import { Role } from './role.js';
import { type Widget, widgetStatusHash } from './widget.js';

type Client = CloudEventSourceClient<Widget> | CloudEventAgentClient<Widget>;

async function main(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2));
  const role = new Role(flags);
  const client = await connect(flags, role);
  tellStatus(client);
  tellReconnections(client);
  role.start(client);
  const subscribed = client.subscribe(role.received).catch((error: unknown) => {
    emit({ event: 'subscribe-failed', error: textOf(error) });
  });
  // As the Go programs: ready while the subscription may still be under way.
  await serve((command, signal) => role.handle(command, signal));
  await client.close();
  await subscribed;
}

async function connect(flags: Flags, role: Role): Promise<Client> {
  const { config } = await new ConfigLoader('grpc', flags.config).loadConfig();
  const codec: AnyCodec<Widget> =
    flags.codec === 'event' ? widgetEventCodec(role.dataType) : widgetClassCodec(role.dataType);
  const [least, most] = flags.reconnectMs ?? [0, 0];
  const parts = {
    lister: role.set,
    statusHashGetter: widgetStatusHash,
    codecs: [codec],
    ...(flags.reconnectMs === undefined
      ? {}
      : { reconnectDelay: () => least + Math.random() * (most - least) }),
  };
  if (flags.role === 'source') {
    const options = buildCloudEventsSourceOptions(config, `${flags.source}-client`, flags.source);
    return await CloudEventSourceClient.create<Widget>({ options, ...parts });
  }
  const options = buildCloudEventsAgentOptions(config, flags.cluster, `${flags.cluster}-agent`);
  return await CloudEventAgentClient.create<Widget>({ options, ...parts });
}

async function tellStatus(client: Client): Promise<void> {
  for await (const status of client.status()) {
    const { error, ...more } = { error: undefined, ...status };
    emit({ event: 'client', ...more, ...(error === undefined ? {} : { error: textOf(error) }) });
  }
}

async function tellReconnections(client: Client): Promise<void> {
  for await (const _ of client.reconnected) emit({ event: 'reconnected' });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`fatal: ${textOf(error)}\n`);
  process.exitCode = 1;
}
