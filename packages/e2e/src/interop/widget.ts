import { createHash } from 'node:crypto';
import type { Lister, ListOptions, ResourceObject } from 'ce-broker-client';

/** What a widget is, as the Go programs write it into a state file. */
export interface WidgetFields {
  readonly id: string;
  readonly cluster: string;
  readonly source: string;
  readonly version: number;
  readonly spec?: unknown;
  readonly status?: unknown;
  /** RFC 3339. */
  readonly deleting?: string | undefined;
  /** In the last status of a resource: the agent has removed it. */
  readonly deleted?: boolean | undefined;
}

/** The generic resource that the programs exchange. */
export class Widget implements ResourceObject {
  readonly fields: WidgetFields;

  constructor(fields: WidgetFields) {
    this.fields = fields;
  }

  get uid(): string {
    return this.fields.id;
  }

  get resourceVersion(): string {
    return String(this.fields.version);
  }

  get deletionTimestamp(): string | undefined {
    return this.fields.deleting;
  }

  with(changes: Partial<WidgetFields>): Widget {
    return new Widget({ ...this.fields, ...changes });
  }
}

/** SHA-256 over the status as it is on the wire, as in the Go programs. */
export function widgetStatusHash(widget: Widget): string {
  const { status } = widget.fields;
  const text = status === undefined ? '' : JSON.stringify(status);
  return createHash('sha256').update(text).digest('hex');
}

/** Keeps the widgets of one program, and is its lister. */
export class WidgetSet implements Lister<Widget> {
  readonly #all = new Map<string, Widget>();
  readonly #clusters = new Map<string, Map<string, Widget>>();

  get size(): number {
    return this.#all.size;
  }

  get(id: string): Widget | undefined {
    return this.#all.get(id);
  }

  put(widget: Widget): void {
    const { id, cluster } = widget.fields;
    if (this.#all.get(id)?.fields.cluster !== cluster) this.remove(id);
    this.#all.set(id, widget);
    const there = this.#clusters.get(cluster) ?? new Map<string, Widget>();
    this.#clusters.set(cluster, there.set(id, widget));
  }

  remove(id: string): void {
    const cluster = this.#all.get(id)?.fields.cluster;
    if (cluster === undefined) return;
    this.#all.delete(id);
    this.#clusters.get(cluster)?.delete(id);
  }

  values(): Iterable<Widget> {
    return this.#all.values();
  }

  *list({ clusterName, source }: Pick<ListOptions, 'clusterName' | 'source'>): Iterable<Widget> {
    const there = clusterName === '' ? this.#all : this.#clusters.get(clusterName);
    for (const widget of there?.values() ?? []) {
      if (source === '' || source === widget.fields.source) yield widget;
    }
  }

  /** All of them by id, as the `state` command shows them. */
  sorted(): WidgetFields[] {
    const all = Array.from(this.#all.values(), ({ fields }) => fields);
    return all.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}
