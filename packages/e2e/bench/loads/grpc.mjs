/** One run of the gRPC load generator; prints its figures as JSON. */
import { runLoad } from '../lib/load-library.mjs';
import { Contention, cpuMicros } from '../lib/proc.mjs';

const { pid, profile, options } = JSON.parse(process.argv[2]);
let from = Number.NaN;
let cpu = Number.NaN;
let contention;
let contended = Number.NaN;
const report = await runLoad({
  ...options,
  onWindow(edge) {
    if (profile && edge !== 'end') process.kill(pid, 'SIGUSR2');
    const now = cpuMicros(pid) ?? Number.NaN;
    if (edge === 'start') {
      from = now;
      contention = new Contention();
    }
    if (edge === 'end') contended = contention.share();
    if (edge === 'drained') cpu = now - from;
  },
});
process.stdout.write(
  JSON.stringify({
    seconds: report.seconds,
    ackedPerSecond: report.ackedPerSecond,
    deliveredPerSecond: report.deliveredPerSecond,
    eventsPerSecond: report.handledPerSecond,
    cpuPerEvent: cpu / report.handledEvents,
    contention: contended,
    p50Ms: report.ackLatency.p50Ms,
    p99Ms: report.ackLatency.p99Ms,
    deliveryP50Ms: report.deliveryLatency.p50Ms,
    deliveryP99Ms: report.deliveryLatency.p99Ms,
    eventBytes: report.eventBytes,
    totals: report.totals,
    errors: report.errors,
  }),
);
