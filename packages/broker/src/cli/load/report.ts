import type { LatencySummary, LoadReport } from './options.js';

/** The report as a few lines of text for a terminal. */
export function formatReport(report: LoadReport): string {
  const { totals } = report;
  const lines = [
    `${report.server}: ${report.publishers} publishers x ${report.inFlight} in flight, ` +
      `${report.subscribers} subscribers, ${report.eventBytes} bytes per event, ${report.seconds.toFixed(1)} s`,
    `acked      ${rate(report.ackedPerSecond)}  ${latency(report.ackLatency)}`,
  ];
  if (report.subscribers > 0) {
    lines.push(`delivered  ${rate(report.deliveredPerSecond)}  ${latency(report.deliveryLatency)}`);
  }
  if (report.subscribers > 0) {
    lines.push(
      `handled    ${rate(report.handledPerSecond)}  acknowledged and delivered, until the last one arrived`,
    );
  }
  lines.push(
    `in all     ${totals.sent} sent, ${totals.acked} acked, ${totals.delivered} delivered, ` +
      `${mebibytes(totals.bytesSent)} out, ${mebibytes(totals.bytesReceived)} in`,
  );
  if (totals.unanswered > 0) lines.push(`unanswered ${totals.unanswered} calls`);
  if (totals.reconnects > 0) lines.push(`reconnects ${totals.reconnects}`);
  for (const [status, { count, firstMessage }] of Object.entries(report.errors)) {
    lines.push(`failed     ${count} x ${status}${firstMessage === '' ? '' : `: ${firstMessage}`}`);
  }
  return `${lines.join('\n')}\n`;
}

function rate(perSecond: number): string {
  return `${Math.round(perSecond)}/s`.padStart(10);
}

function latency(summary: LatencySummary): string {
  if (summary.count === 0) return 'no latencies';
  const ms = (value: number) => value.toFixed(value < 10 ? 2 : 1);
  return `p50 ${ms(summary.p50Ms)} ms, p90 ${ms(summary.p90Ms)}, p99 ${ms(summary.p99Ms)}, max ${ms(summary.maxMs)}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
