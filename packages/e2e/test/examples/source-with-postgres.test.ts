import { readFileSync } from 'node:fs';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokerProcess, until } from '../../src/index.js';
import { describeWith } from '../interop/tools.js';
import { Example, exampleSource } from './example.js';
import { Postgres } from './postgres.js';

const WAIT_MS = 30_000;

describeWith('postgresql', 'examples/source-with-postgres', () => {
  let postgres: Postgres | undefined;
  let pool: Pool;
  let broker: BrokerProcess;
  let source: Example;
  let agent: Example;

  beforeAll(async () => {
    postgres = await Postgres.start();
    pool = new Pool({ host: postgres.environment.PGHOST, user: 'postgres', database: 'postgres' });
    await pool.query(readFileSync(exampleSource('source-with-postgres/schema.sql'), 'utf8'));
    broker = await BrokerProcess.start();
    startSource();
    agent = Example.node('agent-in-30-lines/agent', ['c1', broker.grpc]);
  });
  afterAll(async () => {
    await Promise.all([source?.stop(), agent?.stop()]);
    await pool?.end();
    await broker?.stop();
    await postgres?.stop();
  });

  function startSource(): void {
    source = Example.node('source-with-postgres/source', [broker.grpc], postgres?.environment);
  }

  async function stateOf(name: string): Promise<string | undefined> {
    const { rows } = await pool.query<{ state: string | null }>(
      `SELECT status->>'state' AS state FROM widgets WHERE cluster = 'c1' AND name = $1`,
      [name],
    );
    return rows[0]?.state ?? undefined;
  }

  async function reported(name: string, state: string | undefined): Promise<void> {
    await until(`the row ${name} says ${state}`, WAIT_MS, async () => (await stateOf(name)) === state);
  }

  it('publishes what is committed, and writes back what the agent reports', async () => {
    await pool.query(
      `INSERT INTO widgets (cluster, name, spec) VALUES ('c1', 'door', '{"color":"red"}'), ('c1', 'gate', '{"color":"red"}')`,
    );
    await reported('door', 'painted red');
    await reported('gate', 'painted red');
  });

  it('publishes nothing that was rolled back', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query(`UPDATE widgets SET spec = '{"color":"pink"}' WHERE name = 'door'`);
    await client.query('ROLLBACK');
    client.release();
    await pool.query(`UPDATE widgets SET spec = '{"color":"blue"}' WHERE name = 'door'`);
    await reported('door', 'painted blue');
    await agent.prints(/^door painted blue$/m);
    expect(agent.printed('pink')).toBe(false);
  });

  it('what is committed while the broker is away arrives when it is back', async () => {
    await broker.stop();
    await pool.query(`UPDATE widgets SET spec = '{"color":"green"}' WHERE name = 'door'`);
    await pool.query(`INSERT INTO widgets (cluster, name, spec) VALUES ('c1', 'fence', '{"color":"green"}')`);
    broker = await broker.restart();
    await reported('door', 'painted green');
    await reported('fence', 'painted green');
  });

  it('so does what is committed while the source is away', async () => {
    await source.stop('SIGKILL');
    await pool.query(`UPDATE widgets SET spec = '{"color":"white"}' WHERE name = 'door'`);
    startSource();
    await reported('door', 'painted white');
  });

  it('a row with a deletion time goes once the agent has removed the widget', async () => {
    await pool.query(`UPDATE widgets SET deleted_at = now() WHERE name = 'gate'`);
    await reported('gate', undefined);
    await agent.prints(/^gate removed$/m);
    const left = await pool.query<{ name: string }>('SELECT name FROM widgets ORDER BY name');
    expect(left.rows.map(({ name }) => name)).toEqual(['door', 'fence']);
  });

  it('ends by itself when it is told to', async () => {
    expect(await source.stop()).toBe(0);
    expect(await agent.stop()).toBe(0);
  });
});
