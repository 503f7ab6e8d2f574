import type { JsonResource, Lister, ListOptions } from 'ce-broker-client';
import type { Pool } from 'pg';

export interface WidgetSpec {
  readonly color: string;
}

export interface WidgetStatus {
  readonly state: string;
  /** The agent has removed it: its last word. */
  readonly deleted?: boolean;
}

export type Widget = JsonResource<WidgetSpec, WidgetStatus>;

/** `bigint` columns come as text, which is what a resource version is. */
interface Row {
  readonly id: string;
  readonly cluster: string;
  readonly name: string;
  readonly spec: WidgetSpec;
  readonly version: string;
  readonly deleted_at: Date | null;
  readonly status: WidgetStatus | null;
  readonly status_hash: string | null;
}

/** The rows as the client sees them: what a resync compares, and what goes out. */
export class WidgetTable implements Lister<Widget> {
  readonly #pool: Pool;
  readonly #sourceId: string;

  constructor(pool: Pool, sourceId: string) {
    this.#pool = pool;
    this.#sourceId = sourceId;
  }

  list({ clusterName }: ListOptions): Promise<Widget[]> {
    return this.#widgets(`WHERE $1 = '' OR cluster = $1`, [clusterName]);
  }

  async get(uid: string): Promise<Widget | undefined> {
    const [widget] = await this.#widgets('WHERE id = $1', [uid]);
    return widget;
  }

  /** What the broker has not acknowledged yet. */
  unpublished(limit: number): Promise<Widget[]> {
    return this.#widgets('WHERE version > published ORDER BY id LIMIT $1', [limit]);
  }

  /** The broker has acknowledged this version. A later one, written meanwhile, stays to be published. */
  async acknowledged({ uid, resourceVersion }: Widget): Promise<void> {
    await this.#pool.query('UPDATE widgets SET published = $2 WHERE id = $1 AND published < $2', [
      uid,
      resourceVersion,
    ]);
  }

  /** Keeps what an agent reports, unless a later report is here already; a removal that was asked for ends the row. */
  async report({ uid, status, statusHash = '', sequenceId = '0' }: Widget): Promise<void> {
    if (status?.deleted === true) {
      await this.#pool.query('DELETE FROM widgets WHERE id = $1 AND deleted_at IS NOT NULL', [uid]);
    }
    await this.#pool.query(
      'UPDATE widgets SET status = $2, status_hash = $3, sequence_id = $4 WHERE id = $1 AND sequence_id <= $4',
      [uid, JSON.stringify(status ?? null), statusHash, sequenceId],
    );
  }

  async #widgets(where: string, values: unknown[]): Promise<Widget[]> {
    const { rows } = await this.#pool.query<Row>(
      `SELECT id, cluster, name, spec, version, deleted_at, status, status_hash FROM widgets ${where}`,
      values,
    );
    return rows.map((row) => ({
      uid: row.id,
      clusterName: row.cluster,
      source: this.#sourceId,
      name: row.name,
      spec: row.spec,
      resourceVersion: row.version,
      deletionTimestamp: row.deleted_at ?? undefined,
      status: row.status ?? undefined,
      statusHash: row.status_hash ?? undefined,
    }));
  }
}
