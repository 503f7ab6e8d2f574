/** Memory of idle subscriptions: each on a connection of its own, and 100 on each of fewer connections. */

import { fixed, short, table, thousands, times } from '../lib/figures.mjs';
import { runScript } from '../lib/load.mjs';
import { SERVERS, serversOf, startServer } from '../lib/servers.mjs';

export const title = 'Idle subscriptions: memory of the server for each';
const PER_CONNECTION = 100;
const SETTLE_MS = 3_000;

export async function run(context) {
  const count = context.quick ? 1_000 : 5_000;
  const data = {};
  const failures = {};
  for (const name of serversOf('idle', context.servers)) {
    data[name] = {};
    const kinds = SERVERS[name].protocol === 'grpc' ? ['connections', 'streams'] : ['connections'];
    for (const kind of kinds) {
      const server = await startServer(name, context.programs.get(name), { nodeFlags: context.nodeFlags });
      try {
        data[name][kind] = await runScript('../loads/idle.mjs', {
          protocol: server.protocol,
          pid: server.pid,
          port: server.port,
          count,
          perConnection: kind === 'streams' ? PER_CONNECTION : 1,
          settleMs: SETTLE_MS,
        });
        context.log(`idle ${name} ${kind}: ${data[name][kind].kibEach.toFixed(1)} KiB`);
      } catch (error) {
        failures[name] = error.message;
        context.log(`idle ${name} ${kind} FAILED: ${error.message}`);
      } finally {
        await server.stop();
      }
    }
  }
  const own = data['ce-broker'];
  const at = (name, kind, key) => data[name]?.[kind]?.[key] ?? Number.NaN;
  const tables = [
    {
      title: `KiB for each of ${count} idle subscriptions`,
      text: table(
        [
          'server',
          'ce-broker takes, own connections',
          '100 a connection',
          'KiB own connections',
          'KiB 100 a connection',
          'opened/s',
          'CPU % while idle',
        ],
        Object.keys(data).map((name) => [
          SERVERS[name].title,
          name === 'ce-broker' ? '' : times(own?.connections?.kibEach / at(name, 'connections', 'kibEach')),
          name === 'ce-broker' ? '' : times(own?.streams?.kibEach / at(name, 'streams', 'kibEach')),
          short(at(name, 'connections', 'kibEach')),
          short(at(name, 'streams', 'kibEach')),
          thousands(at(name, 'connections', 'opensPerSecond')),
          fixed(1)(at(name, 'connections', 'cpuShare') * 100),
        ]),
      ),
    },
  ];
  return { tables, data, failures };
}
