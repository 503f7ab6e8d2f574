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

/** How long the main thread of this process was ready to run and had to wait for a core, in microseconds. */
function waitMicros() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1000;
  } catch {
    return 0;
  }
}

/**
 * Tells how much of a measurement other programs took, by how long the load waited for its core. The server's own waiting says
 * little: on one core its threads (garbage collection, Go's scheduler) wait for each other.
 */
export class Contention {
  #from = performance.now();
  #waited = waitMicros();

  /** Share of the time since the construction in which the load waited for its core. */
  share() {
    return (waitMicros() - this.#waited) / ((performance.now() - this.#from) * 1000);
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

/** Memory of a process in KiB: all that is resident, and of it what is its own (without mapped files). */
export function memoryKib(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return { resident: of('VmRSS'), own: of('RssAnon') };
}
