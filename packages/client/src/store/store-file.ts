import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CeBrokerError } from 'ce-broker-proto';
import { FileLock } from './file-lock.js';
import { HEADER, readLine, type StoredLine } from './store-lines.js';

const CHUNK = 1024 * 1024;
const LINE_END = 0x0a;

/**
 * A log of changes in a file, one JSON line each: the last line about a resource counts. It grows by what changes, and is written
 * afresh (to a file beside it, renamed once it is safe on the disk) when most of it is outdated. A process that is killed while it
 * appends leaves a last line without an end, which is dropped: nobody was told that it was saved.
 */
export class StoreFile {
  readonly #path: string;
  readonly #lock: FileLock;
  #handle: FileHandle | undefined;
  #lines = 0;
  /** What the file ends with is not known to be good: write it afresh. */
  #suspect = true;

  private constructor(path: string, lock: FileLock) {
    this.#path = path;
    this.#lock = lock;
  }

  /**
   * Locks the file, and tells each line of it. A file that is not there is made at the first write. Rejects with
   * `failed_precondition` when another process uses it, `unreadable_file`, or `data_loss` that names the line.
   */
  static async open(
    path: string,
    each: (line: StoredLine) => void,
    signal: AbortSignal | undefined,
  ): Promise<StoreFile> {
    const lock = await FileLock.acquire(path, undefined, signal).catch((thrown) => {
      throw readable(path, thrown, signal);
    });
    const file = new StoreFile(path, lock);
    try {
      await file.#read(each, signal);
      return file;
    } catch (thrown) {
      await file.close();
      throw readable(path, thrown, signal);
    }
  }

  /** Whether to write all afresh: most lines of the file are outdated, or its end is not known to be good. */
  wantsRewrite(live: number): boolean {
    return this.#suspect || this.#lines > 2 * live + 1_000;
  }

  /** Resolves when the lines are safe on the disk. */
  async append(lines: Iterable<string>): Promise<void> {
    await this.#lock.check();
    this.#suspect = true;
    const handle = this.#handle ?? (await open(this.#path, 'a'));
    this.#handle = handle;
    this.#lines += await write(handle, lines);
    await handle.datasync();
    this.#suspect = false;
  }

  /** Replaces all lines at once; until it resolves the file is as it was. */
  async rewrite(lines: Iterable<string>): Promise<void> {
    await this.#lock.check();
    this.#suspect = true;
    const mode = (await stat(this.#path).catch(() => undefined))?.mode ?? 0o600;
    const temporary = `${this.#path}.tmp`;
    const fresh = await open(temporary, 'w', mode & 0o777);
    let count = 0;
    try {
      await fresh.appendFile(`${HEADER}\n`);
      count = await write(fresh, lines);
      await fresh.sync();
      await this.#lock.check();
      await rename(temporary, this.#path);
    } catch (thrown) {
      await fresh.close().catch(() => undefined);
      throw thrown;
    }
    await this.#handle?.close().catch(() => undefined);
    this.#handle = fresh;
    this.#lines = count;
    await syncFolder(dirname(this.#path));
    this.#suspect = false;
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
    await this.#lock.release();
  }

  async #read(each: (line: StoredLine) => void, signal: AbortSignal | undefined): Promise<void> {
    const handle = await open(this.#path, 'r').catch((thrown) => {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
      throw thrown;
    });
    if (handle === undefined) return;
    let number = 0;
    let rest: Buffer[] = [];
    try {
      for await (const chunk of handle.createReadStream({ highWaterMark: CHUNK, autoClose: false })) {
        signal?.throwIfAborted();
        const bytes = chunk as Buffer;
        let begin = 0;
        for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, begin)) {
          const tail = bytes.subarray(begin, end);
          const line = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
          rest = [];
          begin = end + 1;
          this.#line(line.toString('utf8'), ++number, each);
        }
        if (begin < bytes.length) rest.push(bytes.subarray(begin));
      }
    } finally {
      await handle.close();
    }
    if (number === 0) throw damaged(this.#path, 1, `it is not ${HEADER}`);
    this.#lines = number - 1;
    this.#suspect = rest.length > 0;
  }

  #line(text: string, number: number, each: (line: StoredLine) => void): void {
    if (number === 1) {
      if (text !== HEADER) throw damaged(this.#path, 1, `it is not ${HEADER}`);
      return;
    }
    let line: StoredLine;
    try {
      line = readLine(text);
    } catch (thrown) {
      throw damaged(this.#path, number, thrown instanceof Error ? thrown.message : String(thrown), thrown);
    }
    each(line);
  }
}

/** In pieces, so that neither memory nor the event loop feels a large store. */
async function write(handle: FileHandle, lines: Iterable<string>): Promise<number> {
  let text = '';
  let count = 0;
  for (const line of lines) {
    text += `${line}\n`;
    count++;
    if (text.length < CHUNK) continue;
    await handle.appendFile(text);
    text = '';
  }
  if (text !== '') await handle.appendFile(text);
  return count;
}

async function syncFolder(path: string): Promise<void> {
  // Windows opens no folders; there a rename needs no more.
  const folder = await open(path, 'r').catch(() => undefined);
  try {
    await folder?.sync();
  } finally {
    await folder?.close();
  }
}

function damaged(path: string, line: number, what: string, cause?: unknown): CeBrokerError {
  return new CeBrokerError(
    'data_loss',
    `${path}, line ${line}: this is no file of a resource store, or a damaged one: ${what}. Restore it from a backup, or remove it to start with nothing`,
    { field: 'file', cause },
  );
}

function readable(path: string, thrown: unknown, signal: AbortSignal | undefined): CeBrokerError {
  if (signal?.aborted === true) return CeBrokerError.from(signal.reason, 'cancelled');
  if (thrown instanceof CeBrokerError) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new CeBrokerError(
    'unreadable_file',
    `the store file ${path} cannot be opened: ${why} (its folder must be there, and writable)`,
    { field: 'file', cause: thrown },
  );
}
