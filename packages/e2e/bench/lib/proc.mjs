/** What Linux knows of a process: CPU time and memory. On other systems the answers are undefined. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of all threads in microseconds (`schedstat` counts in nanoseconds; `stat` in ticks of 10 ms). */
export function cpuMicros(pid) {
  try {
    let nanos = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
    return nanos / 1000;
  } catch {
    return cpuByTicks(pid);
  }
}

/** How long the threads of a process were ready to run and had to wait for a core, in microseconds. */
export function waitMicros(pid) {
  try {
    let nanos = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[1]);
    }
    return nanos / 1000;
  } catch {
    return undefined;
  }
}

/** Waiting times of the server and of this process, to tell how much of a measurement other programs took. */
export class Contention {
  #pid;
  #from = performance.now();
  #server;
  #own;

  constructor(pid) {
    this.#pid = pid;
    this.#server = waitMicros(pid) ?? 0;
    this.#own = waitMicros(process.pid) ?? 0;
  }

  /** Share of the time since the construction in which the server, or the load, waited for its core. */
  share() {
    const micros = (performance.now() - this.#from) * 1000;
    const server = (waitMicros(this.#pid) ?? 0) - this.#server;
    const own = (waitMicros(process.pid) ?? 0) - this.#own;
    return Math.max(server, own) / micros;
  }
}

function cpuByTicks(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return undefined;
  }
}

/** Resident memory in KiB. */
export function residentKib(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}
