import { type CommandReport, contentHashOf, type FileResource, type FileStatus } from '../file-resource.js';
import { messageOf } from '../state-file.js';
import type { AgentEntry, AgentState } from './agent-state.js';
import type { CommandRunner } from './command-runner.js';
import type { FileApplier } from './file-applier.js';
import type { SpecStore } from './spec-store.js';

export interface ApplyParts {
  readonly state: AgentState;
  /** Absent: no files are written. */
  readonly files?: FileApplier | undefined;
  /** Absent: no command is run. */
  readonly command?: { readonly runner: CommandRunner; readonly specs: SpecStore } | undefined;
}

export interface Outcome {
  readonly status: FileStatus;
  /** False: the machine was in the way (a disk that is full, say), and it is to be tried again. */
  readonly done: boolean;
}

/**
 * Does what an event asks for: the file first, then the command. Rejects only when the signal ended it: then nothing is known of it, and
 * it is done again.
 */
export async function apply(
  parts: ApplyParts,
  resource: FileResource,
  signal: AbortSignal,
): Promise<Outcome> {
  return resource.deletionTimestamp === undefined
    ? await applySpec(parts, resource, signal)
    : await applyDeletion(parts, resource, signal);
}

/** Whether something was done for it that a deletion has to undo. */
function isApplied(entry: AgentEntry | undefined): entry is AgentEntry {
  return entry !== undefined && entry.status?.state !== 'refused' && entry.status?.state !== 'deleted';
}

async function applySpec(parts: ApplyParts, resource: FileResource, signal: AbortSignal): Promise<Outcome> {
  const { state, files, command } = parts;
  const { uid, name } = resource;
  const content = resource.content ?? new Uint8Array(0);
  const known = state.get(uid);
  const action = isApplied(known) && known.status !== undefined ? 'MODIFIED' : 'ADDED';
  const contentHash = contentHashOf(content);
  const outcome = (facts: Pick<FileStatus, 'state' | 'error' | 'command'>, done = true): Outcome => ({
    status: statusOf(action, { contentHash, ...facts }),
    done,
  });
  try {
    // Before anything is waited for: of two resources with one name that come together only one gets it.
    const holder = files === undefined ? undefined : state.claim(name, uid);
    if (isApplied(known) && known.name !== name) {
      await files?.remove(known.name);
      state.release(known.name, uid);
    }
    await state.begin(resource);
    const refusal =
      holder === undefined
        ? await files?.write(name, content)
        : `the file name ${name} is taken on this agent by ${holder}`;
    if (refusal !== undefined) {
      state.release(name, uid);
      return outcome({ state: 'refused', error: refusal });
    }
    await command?.specs.put(uid, content);
  } catch (error) {
    return outcome({ state: 'failed', error: messageOf(error) }, false);
  }
  if (command === undefined) return outcome({ state: 'applied' });
  const { report, error } = await runCommand(parts, resource, action, content, signal);
  if (report === undefined) return outcome({ state: 'failed', error }, false);
  const isGood = report.exitCode === 0 && report.timedOut !== true;
  return outcome({ state: isGood ? 'applied' : 'failed', command: report });
}

async function applyDeletion(
  parts: ApplyParts,
  resource: FileResource,
  signal: AbortSignal,
): Promise<Outcome> {
  const { state, files, command } = parts;
  const known = state.get(resource.uid);
  const gone = { state: 'deleted', deleted: true } as const;
  // What was never written, or run, leaves nothing to undo; the file under that name may be another's.
  if (!isApplied(known)) return { status: statusOf('DELETED', gone), done: true };
  let note: string | undefined;
  let content: Uint8Array = new Uint8Array(0);
  try {
    content = (await command?.specs.get(resource.uid)) ?? content;
    note = await files?.remove(known.name);
  } catch (error) {
    return { status: statusOf('DELETED', { state: 'failed', error: messageOf(error) }), done: false };
  }
  state.release(known.name, resource.uid);
  if (command === undefined) return { status: statusOf('DELETED', { ...gone, error: note }), done: true };
  const named = { ...resource, name: known.name };
  const { report, error } = await runCommand(parts, named, 'DELETED', content, signal);
  return { status: statusOf('DELETED', { ...gone, error: note ?? error, command: report }), done: true };
}

async function runCommand(
  { files, command }: ApplyParts,
  resource: FileResource,
  action: FileStatus['action'],
  stdin: Uint8Array,
  signal: AbortSignal,
): Promise<{ readonly report?: CommandReport | undefined; readonly error?: string | undefined }> {
  const env = {
    CE_BROKER_ACTION: action,
    CE_BROKER_RESOURCE_ID: resource.uid,
    CE_BROKER_RESOURCE_VERSION: resource.resourceVersion,
    CE_BROKER_SOURCE: resource.source,
    CE_BROKER_CLUSTER: resource.cluster,
    CE_BROKER_NAME: resource.name,
    CE_BROKER_FILE: files === undefined ? '' : files.path(resource.name),
  };
  try {
    return { report: await command?.runner.run({ stdin, env, signal }) };
  } catch (error) {
    signal.throwIfAborted();
    return { error: `the command could not be run: ${messageOf(error)}` };
  }
}

function statusOf(action: FileStatus['action'], facts: Omit<FileStatus, 'action' | 'time'>): FileStatus {
  return { ...facts, action, time: new Date().toISOString() };
}
