import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { wrongFileName, wrongName } from '../names.js';
import { hasCode, messageOf } from '../state-file.js';

/** A file that is there. */
export interface FoundFile {
  readonly cluster: string;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** Another one means that the file may have changed. */
  readonly stamp: string;
}

/** What DIR holds at one moment. */
export interface FolderScan {
  /** By `<cluster>/<name>`. */
  readonly files: ReadonlyMap<string, FoundFile>;
  /** DIR and the cluster folders that were read, by path; another value is another folder under the same name. */
  readonly folders: ReadonlyMap<string, string>;
  /** Clusters whose folder is there and cannot be read: nothing is known of their files. */
  readonly unknown: ReadonlySet<string>;
  /** Why DIR itself could not be read. */
  readonly gone: string | undefined;
  /** What is ignored, or cannot be read, by the path below DIR. */
  readonly notices: ReadonlyMap<string, string>;
}

/** What editors, and programs that copy, leave beside a file. Hidden files are no files of the fleet either. */
const LEFTOVER = /^\.|~$|^#.*#$|\.(?:swp|swo|swx|tmp|part|partial|crdownload)$/i;

export function isLeftover(name: string): boolean {
  return LEFTOVER.test(name);
}

/** Reads `DIR/CLUSTER/NAME`. Never rejects: what cannot be read is told in the result. */
export async function scanFolder(dir: string): Promise<FolderScan> {
  const files = new Map<string, FoundFile>();
  const folders = new Map<string, string>();
  const unknown = new Set<string>();
  const notices = new Map<string, string>();
  const result = (gone?: string): FolderScan => ({ files, folders, unknown, gone, notices });
  let names: string[];
  try {
    folders.set(dir, identityOf(await stat(dir)));
    names = await readdir(dir);
  } catch (error) {
    return result(whyGone(dir, error));
  }
  for (const cluster of names.sort()) {
    if (isLeftover(cluster)) continue;
    const folder = join(dir, cluster);
    try {
      const found = await stat(folder);
      if (!found.isDirectory()) {
        notices.set(cluster, `${folder} is in no folder of a cluster (DIR/CLUSTER/NAME): it is ignored`);
        continue;
      }
      const wrong = wrongName(cluster);
      if (wrong !== undefined) {
        notices.set(
          cluster,
          `the folder ${JSON.stringify(folder)} names no cluster (it ${wrong}): it is ignored`,
        );
        continue;
      }
      const entries = await readdir(folder);
      await Promise.all(entries.map((name) => readEntry(folder, cluster, name, files, notices)));
      folders.set(folder, identityOf(found));
    } catch (error) {
      // A link into a volume that is away, or a folder without permission.
      unknown.add(cluster);
      notices.set(
        cluster,
        `cannot read the folder ${folder} (${messageOf(error)}): its files stay as they were`,
      );
    }
  }
  return result();
}

async function readEntry(
  folder: string,
  cluster: string,
  name: string,
  files: Map<string, FoundFile>,
  notices: Map<string, string>,
): Promise<void> {
  if (isLeftover(name)) return;
  const key = `${cluster}/${name}`;
  const path = join(folder, name);
  try {
    const wrong = wrongFileName(name);
    if (wrong !== undefined) {
      notices.set(key, `the file name ${JSON.stringify(path)} ${wrong}: it is ignored`);
      return;
    }
    const found = await stat(path, { bigint: true });
    if (found.isDirectory()) {
      notices.set(
        key,
        `${path} is a folder in the folder of a cluster: it is ignored, with all that it holds`,
      );
      return;
    }
    if (!found.isFile()) {
      notices.set(key, `${path} is no regular file: it is ignored`);
      return;
    }
    const stamp = `${found.size} ${found.mtimeNs} ${found.ino}`;
    files.set(key, { cluster, name, path, bytes: Number(found.size), stamp });
  } catch (error) {
    if (hasCode(error, 'ENOENT') && !(await isLink(path))) return;
    // It is there, whatever it holds: that is not a deletion.
    files.set(key, { cluster, name, path, bytes: 0, stamp: `unreadable ${messageOf(error)}` });
  }
}

function identityOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev} ${ino}`;
}

/** A link that leads nowhere: what it led to may come back. */
async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

function whyGone(dir: string, error: unknown): string {
  if (hasCode(error, 'ENOENT')) return `${dir} is not there`;
  if (hasCode(error, 'ENOTDIR')) return `${dir} is no folder`;
  return `${dir} cannot be read: ${messageOf(error)}`;
}
