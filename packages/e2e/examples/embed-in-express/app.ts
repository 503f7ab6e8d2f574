// A web service that is its own broker: node app.js [HTTP-PORT] [GRPC-HOST:PORT] [FILE]
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatAddress, startBroker } from 'ce-broker';
import express from 'express';
import { Widgets } from './widgets.js';

const [httpPort = '3000', listen = '127.0.0.1:8090', file] = process.argv.slice(2);
const LONGEST_WAIT_MS = 30_000;

// Agents come in over gRPC. The web service itself needs no socket to its broker.
const broker = await startBroker({ listen, admin: '127.0.0.1:0' });
const { address, adminAddress } = broker;
if (address === undefined || adminAddress === undefined) throw new Error('the broker listens nowhere');
const widgets = await Widgets.open({ broker, file });
const app = express().use(express.json());

app.get('/clusters/:cluster/widgets', (request, response) => {
  response.json(widgets.list(request.params.cluster));
});

/** Answers 202 at once; with `?wait=MS` it answers 200 once the agent has done it, or 202 when it has not by then. */
app.put('/clusters/:cluster/widgets/:name', async (request, response) => {
  const { cluster, name } = request.params;
  const body: unknown = request.body;
  const color = typeof body === 'object' && body !== null && 'color' in body ? body.color : undefined;
  if (typeof color !== 'string') {
    response.status(400).json({ error: 'the body must be {"color":"..."}' });
    return;
  }
  const widget = await widgets.put(cluster, name, { color });
  if (widget === undefined) {
    response.status(409).json({ error: `${name} is being removed: try again when it is gone` });
    return;
  }
  const waitMs = Math.min(Number(request.query['wait'] ?? 0) || 0, LONGEST_WAIT_MS);
  const done = waitMs > 0 ? await widgets.reported(widget, waitMs) : undefined;
  response.status(done === undefined ? 202 : 200).json(done ?? widget);
});

app.delete('/clusters/:cluster/widgets/:name', async (request, response) => {
  const { cluster, name } = request.params;
  response.status((await widgets.remove(cluster, name)) ? 202 : 404).end();
});

app.get('/metrics', async (_request, response) => {
  const metrics = await fetch(`http://${formatAddress(adminAddress)}/metrics`);
  response.type(metrics.headers.get('content-type') ?? 'text/plain').send(await metrics.text());
});

const server = createServer(app).listen(Number(httpPort), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
console.log(`http=127.0.0.1:${port} grpc=${formatAddress(address)}`);

async function close(): Promise<void> {
  server.close();
  server.closeAllConnections();
  await widgets.close();
  await broker.close();
}
process.once('SIGTERM', close);
process.once('SIGINT', close);
