/** Interleaved rounds (A B C, A B C, ...) of several loads on several servers, and their medians. */

import { medians, noiseNote, quiet } from './figures.mjs';
import { runLoadOn } from './load.mjs';
import { SERVERS, startServer } from './servers.mjs';

/** Versions go up from run to run, so that a broker that keeps state takes each event as news. */
const VERSIONS_PER_RUN = 10_000;
const PREFIX = 'be9c4000-0000-4000-8000-';

/**
 * Starts all servers, loads them in turn, and returns, per server and load, the medians over the rounds.
 * A load may be
 * for servers of some `protocols` only. `tls`: what `makeCertificates` made, for servers and loads that speak TLS. A server that fails is reported with what it said, and left out from then on.
 */
export async function compare(context, names, loads, tls) {
  const { programs, rounds, log, profiles } = context;
  const results = {};
  const failures = {};
  const servers = [];
  try {
    for (const name of names) {
      const program = programs.get(name);
      if (program === undefined) continue;
      servers.push(
        await startServer(name, program, {
          nodeFlags: [...context.nodeFlags, ...(profiles?.nodeFlags ?? [])],
          env: profiles?.env,
          tls,
        }),
      );
      results[name] = Object.fromEntries(loads.map((load) => [load.name, []]));
    }
    let runs = 0;
    for (let round = 0; round < rounds; round++) {
      for (const load of loads) {
        for (const server of servers) {
          if (failures[server.name] !== undefined) continue;
          if (load.protocols !== undefined && !load.protocols.includes(server.protocol)) continue;
          try {
            const profile = profiles !== undefined && SERVERS[server.name].profiled === true;
            const options = {
              seconds: context.seconds,
              warmUpSeconds: context.warmUpSeconds,
              untilDelivered: true,
              resourcePrefix: PREFIX,
              firstVersion: 1 + runs * VERSIONS_PER_RUN,
              ...(tls === undefined ? {} : { tls: { ca: tls.ca } }),
              ...load.options,
            };
            const figures = await runLoadOn(server, options, profile);
            if (profile) await profiles.keep(server.pid, `${context.part}-${server.name}-${load.name}`);
            figures.residentKib = server.residentKib() ?? Number.NaN;
            results[server.name][load.name].push(figures);
            log(
              `${load.name} ${server.name}: ${Math.round(figures.eventsPerSecond)} events/s, ${Math.round(figures.ackedPerSecond)} acked/s, ${figures.cpuPerEvent.toFixed(1)} us, ${Math.round(figures.contention * 100)} % waiting${describeErrors(figures.errors)}`,
            );
          } catch (error) {
            failures[server.name] = error.message;
            log(`${load.name} ${server.name} FAILED: ${failures[server.name]}`);
          }
        }
        runs += 1;
      }
    }
  } finally {
    for (const server of servers) await server.stop();
  }
  const summary = {};
  for (const [name, byLoad] of Object.entries(results)) {
    summary[name] = {};
    for (const [load, records] of Object.entries(byLoad)) {
      summary[name][load] = {
        ...medians(quiet(records)),
        rounds: records.map(
          ({ eventsPerSecond, ackedPerSecond, deliveredPerSecond, cpuPerEvent, contention }) => ({
            contention,
            eventsPerSecond,
            ackedPerSecond,
            deliveredPerSecond,
            cpuPerEvent,
          }),
        ),
        errors: records.map((record) => record.errors).find((errors) => Object.keys(errors).length > 0) ?? {},
      };
    }
  }
  const notes = noiseNote(Object.values(summary).flatMap((byLoad) => Object.values(byLoad)));
  return { summary, failures, notes };
}

export function describeErrors(errors) {
  const entries = Object.entries(errors ?? {});
  return entries.length === 0
    ? ''
    : ` ERRORS ${entries.map(([status, { count, firstMessage }]) => `${count} x ${status} (${firstMessage})`).join(', ')}`;
}
