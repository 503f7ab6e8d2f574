import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process wrote a lock file, said so that another one can find out whether it lives. */
export interface ProcessMark {
  /** What it is, for a person: `ce-broker serve`. */
  readonly command: string;
  readonly pid: number;
  /** When it began, in clock ticks since the machine started; empty where the system does not say. */
  readonly started: string;
  readonly host: string;
  /** The machine's start that it ran in; empty where the system does not say. */
  readonly boot: string;
  /** The namespace that its number counts in; empty where the system does not say. */
  readonly pidNamespace: string;
  /** When it took the lock, as ISO 8601. */
  readonly since: string;
  /** Tells this hold from every other one. */
  readonly id: string;
}

/** The mark of this process, with a new id. */
export function markOfThisProcess(command: string): ProcessMark {
  return {
    command,
    pid: process.pid,
    started: startOf(process.pid),
    host: hostname(),
    boot: bootId(),
    pidNamespace: pidNamespace(),
    since: new Date().toISOString(),
    id: randomUUID(),
  };
}

/** What a lock file says; undefined when it says nothing that can be understood, as one that is being written. */
export function parseMark(text: string): ProcessMark | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null) return undefined;
    const { pid, host, ...rest } = json as Record<string, unknown>;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    if (typeof host !== 'string') return undefined;
    const said = (name: string) => (typeof rest[name] === 'string' ? rest[name] : '');
    return {
      command: said('command') || 'a program',
      pid,
      started: said('started'),
      host,
      boot: said('boot'),
      pidNamespace: said('pidNamespace'),
      since: said('since'),
      id: said('id'),
    };
  } catch {
    return undefined;
  }
}

/**
 * Whether the process of a mark lives; `unseen` when it cannot be told from here: another machine, another start of this one under
 * the same name, another container.
 */
export function fateOf(mark: ProcessMark): 'alive' | 'dead' | 'unseen' {
  const said = mark.boot !== '' && mark.pidNamespace !== '';
  const near = said
    ? mark.boot === bootId() && mark.pidNamespace === pidNamespace()
    : mark.host === hostname();
  if (!near) return 'unseen';
  return isAlive(mark.pid, mark.started) ? 'alive' : 'dead';
}

/** Who holds it, for a message. */
export function describeMark(mark: ProcessMark): string {
  const since = mark.since === '' ? '' : `, since ${mark.since}`;
  return `${mark.command} (process ${mark.pid} on ${mark.host}${since})`;
}

/**
 * Removes a lock file that was judged to be stale. Two programs may find the same one: what goes must still be what was judged. Throws the
 * system's error when it cannot be removed, as on a read-only disk.
 */
export function removeStale(path: string, judged: string): void {
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    if (readFileSync(path, 'utf8') !== judged) return;
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  try {
    if (readFileSync(aside, 'utf8') !== judged) linkSync(aside, path);
  } catch {
    // A third one has taken it meanwhile.
  }
  rmSync(aside, { force: true });
}

/** Whether it is a system error of this code, as `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function isAlive(pid: number, started: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process: it lives.
    if (!hasCode(error, 'EPERM')) return false;
  }
  return started === '' || startOf(pid) === started;
}

/** Its start tells a process from a later one with the same number. A process that has ended and was not yet waited for has none. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
