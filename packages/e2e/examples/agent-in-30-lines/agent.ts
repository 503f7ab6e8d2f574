// An agent, whole: node agent.js [CLUSTER] [HOST:PORT]
import {
  CloudEventAgentClient,
  CloudEventsDataType,
  CloudEventsType,
  grpcAgentOptions,
  isDeleting,
  type JsonResource,
  jsonCodec,
  jsonStatusHash,
} from 'ce-broker-client';

type Widget = JsonResource<{ color: string }, { state: string; deleted?: boolean }>;
const [cluster = 'cluster1', url = '127.0.0.1:8090'] = process.argv.slice(2);
const dataType = CloudEventsDataType.parse('com.example.v1.widgets');
const update = new CloudEventsType(dataType, 'status', 'update_request');
const held = new Map<string, Widget>();
const agent = await CloudEventAgentClient.create<Widget>({
  options: grpcAgentOptions({ url }, cluster, `${cluster}-agent`),
  lister: { list: ({ source }) => [...held.values()].filter((w) => source === '' || w.source === source) },
  statusHashGetter: jsonStatusHash,
  codecs: [jsonCodec({ dataType })],
});
process.once('SIGTERM', () => agent.close());
await agent.subscribe(async (_action, widget) => {
  if (isDeleting(widget)) {
    console.log(`removed ${widget.name}`);
    held.delete(widget.uid);
    await agent.publish(update, { ...widget, status: { state: 'removed', deleted: true } });
    return agent.resync();
  }
  console.log(`painted ${widget.name} ${widget.spec?.color}`);
  const done = { ...widget, status: { state: `painted ${widget.spec?.color}` } };
  held.set(done.uid, done);
  await agent.publish(update, done);
});
