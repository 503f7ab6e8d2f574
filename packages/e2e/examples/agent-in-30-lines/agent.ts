// An agent, whole: node agent.js [CLUSTER] [HOST:PORT]
import {
  CloudEventAgentClient,
  CloudEventsType,
  grpcAgentOptions,
  isDeleting,
  type JsonResource,
  jsonCodec,
  jsonStatusHash,
  ResourceStore,
} from 'ce-broker-client';

type Widget = JsonResource<{ color: string }, { state: string; deleted: boolean }>;
const [cluster = 'cluster1', url = '127.0.0.1:8090'] = process.argv.slice(2);
const update = CloudEventsType.parse('com.example.v1.widgets.status.update_request');
const store = new ResourceStore<Widget>();
const agent = await CloudEventAgentClient.create<Widget>({
  options: grpcAgentOptions({ url }, cluster, `${cluster}-agent`),
  lister: store,
  statusHashGetter: jsonStatusHash,
  codecs: [jsonCodec({ dataType: update.dataType })],
});
process.once('SIGTERM', () => agent.close());
await agent.subscribe(async (_action, widget) => {
  const deleted = isDeleting(widget);
  const state = deleted ? 'removed' : `painted ${widget.spec?.color}`;
  console.log(widget.name ?? widget.uid, state);
  const done = { ...widget, status: { state, deleted } };
  deleted ? store.delete(widget.uid) : store.set(done);
  await agent.publish(update, done);
  if (deleted) await agent.resync(); // a list without it confirms the deletion
});
