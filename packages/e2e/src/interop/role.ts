import { readFileSync } from 'node:fs';
import type { ResourceAction } from 'ce-broker-client';
import { CloudEventsDataType, CloudEventsType, type SubResource } from 'ce-broker-client';
import { type Command, emit, type Flags, type Said, textOf } from './line.js';
import { Widget, type WidgetFields, WidgetSet } from './widget.js';

/** The part of the source and the agent client that a role uses. */
export interface RoleClient {
  publish(
    eventType: CloudEventsType,
    widget: Widget,
    options: { signal?: AbortSignal; timeoutMs?: number },
  ): Promise<void>;
  resync(target: string, options: { signal?: AbortSignal }): Promise<void>;
}

/** A source or an agent: its own widgets, and what it does with commands and events. As the Go programs, in all that they say. */
export class Role {
  readonly dataType: CloudEventsDataType;
  readonly set = new WidgetSet();
  readonly #flags: Flags;
  #client: RoleClient | undefined;

  constructor(flags: Flags) {
    this.#flags = flags;
    this.dataType = CloudEventsDataType.parse(flags.dataType);
    // Before there is a client: to a source that answers a resync, its list is complete.
    if (flags.state === '') return;
    const held: WidgetFields[] = JSON.parse(readFileSync(flags.state, 'utf8'));
    for (const fields of held) this.set.put(new Widget(fields));
  }

  /** Hands the client over; before that, only `set` is used. */
  start(client: RoleClient): void {
    this.#client = client;
  }

  /** The client's handler, for both roles. */
  readonly received = (action: ResourceAction, widget: Widget): void => {
    if (this.#flags.role === 'source') this.#receivedStatus(action, widget);
    else this.#receivedSpec(action, widget);
  };

  async handle(command: Command, signal: AbortSignal): Promise<Said | undefined> {
    const { op, id = '' } = command;
    if (op === 'state') return { resources: this.set.sorted() };
    if (op === 'forget') this.set.remove(id);
    else if (op === 'resync') await this.#connected().resync(command.target ?? '', { signal });
    else if (this.#flags.role === 'source') await this.#sourceCommand(command, id, signal);
    else await this.#agentCommand(command, id, signal);
    return undefined;
  }

  #receivedStatus(said: ResourceAction, widget: Widget): void {
    const { id, cluster, version, status, deleted = false } = widget.fields;
    const own = this.set.get(id);
    if (own !== undefined && deleted && own.deletionTimestamp !== undefined) this.set.remove(id);
    else if (own !== undefined) this.set.put(own.with({ status }));
    emit({ event: 'status', id, cluster, version, status, deleted, known: own !== undefined, said });
  }

  /** Applies a spec and says what it was to this agent, by its own look at it; `said` is what the client called it. */
  #receivedSpec(said: ResourceAction, widget: Widget): void {
    const { id, source, cluster, version, spec } = widget.fields;
    const own = this.set.get(id);
    const action = actionOf(own, widget);
    if (action === 'DELETED' || action === 'GONE') this.set.remove(id);
    else if (action !== 'SAME' && action !== 'STALE')
      this.set.put(widget.with({ status: own?.fields.status }));
    emit({ event: 'spec', action, said, id, source, cluster, version, spec });
    if (widget.deletionTimestamp === undefined) return;
    // Outside of the handler, which the next event of this resource waits for.
    const last = widget.with({
      cluster: this.#flags.cluster,
      deleting: undefined,
      deleted: true,
      status: undefined,
    });
    this.#publish('status', 'delete_request', last, {}).then(
      () => emit({ event: 'confirmed', id }),
      (error: unknown) => emit({ event: 'confirmed', id, error: textOf(error) }),
    );
  }

  async #sourceCommand(command: Command, id: string, signal: AbortSignal): Promise<void> {
    const { op, cluster = '', version = 0, spec } = command;
    if (op === 'publish') {
      const widget = new Widget({ id, cluster, source: this.#flags.source, version, spec });
      this.set.put(widget);
      await this.#publish('spec', 'create_request', widget, { ...command, signal });
      return;
    }
    if (op !== 'update' && op !== 'delete') throw new Error(`a source knows no op ${JSON.stringify(op)}`);
    const change = op === 'update' ? { version, spec } : { deleting: new Date().toISOString() };
    const changed = this.#change(id, change);
    await this.#publish('spec', `${op}_request`, changed, { ...command, signal });
  }

  async #agentCommand(command: Command, id: string, signal: AbortSignal): Promise<void> {
    const { op, status } = command;
    if (op !== 'status') throw new Error(`an agent knows no op ${JSON.stringify(op)}`);
    const changed = this.#change(id, { status });
    await this.#publish('status', 'update_request', changed, { ...command, signal });
  }

  #change(id: string, changes: Partial<WidgetFields>): Widget {
    const own = this.set.get(id);
    if (own === undefined) throw new Error(`no resource ${JSON.stringify(id)} here`);
    const changed = own.with(changes);
    this.set.put(changed);
    return changed;
  }

  #publish(
    subResource: SubResource,
    action: string,
    widget: Widget,
    { signal, timeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): Promise<void> {
    const eventType = new CloudEventsType(this.dataType, subResource, action);
    return this.#connected().publish(eventType, widget, {
      ...(signal === undefined ? {} : { signal }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }

  #connected(): RoleClient {
    if (this.#client === undefined) throw new Error('there is no client yet');
    return this.#client;
  }
}

function actionOf(own: Widget | undefined, got: Widget): string {
  if (got.deletionTimestamp !== undefined) return own === undefined ? 'GONE' : 'DELETED';
  if (own === undefined) return 'ADDED';
  const { version } = got.fields;
  if (version !== 0 && version === own.fields.version) return 'SAME';
  return version !== 0 && version < own.fields.version ? 'STALE' : 'MODIFIED';
}
