import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { lmdbStore } from '../../src/store/index.js';
import { Running } from '../server/support/running.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Target {
  readonly expr: string;
  readonly refId: string;
  readonly datasource: { readonly uid: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly Target[];
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

const root = new URL('../../../../', import.meta.url);
const textOf = (path: string) => readFileSync(new URL(path, root), 'utf8');
const rules = (
  parse(textOf('docs/operations/ce-broker.rules.yml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(textOf('docs/operations/grafana-dashboard.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly schemaVersion: number;
  readonly title: string;
  readonly uid: string;
};

/** The metrics that an expression reads; those of a histogram by its own name. */
function metricsIn(expr: string): string[] {
  const names = expr.match(/\b(?:ce_broker|grpc_server|process|nodejs)_[a-z_]+/g) ?? [];
  return names.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
}

/** As pages of documentation name the sections of a Markdown file. */
function anchorsOf(markdown: string): Set<string> {
  const titles = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title ?? '');
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

let served: Set<string>;
let dataDir: string;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'ce-broker-operations-'));
  await using running = await Running.start({ admin: '127.0.0.1:0', store: lmdbStore({ dataDir }) });
  const text = await (await running.fetch('/metrics')).text();
  served = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? ''));
});
afterAll(() => rmSync(dataDir, { recursive: true }));

describe('the alerts', () => {
  it('read only what the broker serves', () => {
    expect(rules.length).toBeGreaterThan(10);
    for (const { alert, expr } of rules)
      for (const name of metricsIn(expr)) expect(served, `${alert} reads ${name}`).toContain(name);
  });

  it('each say for how long, how bad it is, what it is and what to do', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, annotations, for: wait, labels } of rules) {
      expect(alert).toMatch(/^CeBroker[A-Z]/);
      expect(wait, alert).toMatch(/^[1-9]\d*[mh]$/);
      expect(labels['severity'], alert).toMatch(/^(critical|warning)$/);
      expect(annotations['summary'], alert).toMatch(/\$labels\.instance/);
      expect(annotations['description']?.length, alert).toBeGreaterThan(40);
    }
  });

  it('lead to a section of the guide that is there', () => {
    for (const { alert, annotations } of rules) {
      const [file = '', anchor = ''] = annotations['runbook']?.split('#') ?? [];
      expect(existsSync(new URL(file, root)), `${alert}: ${file}`).toBe(true);
      expect(anchorsOf(textOf(file)), alert).toContain(anchor);
    }
  });

  it('are in the list of the page about them', () => {
    const page = textOf('docs/operations/README.md');
    const listed = [...page.matchAll(/^\| `(CeBroker\w+)` \| (\w+) \| (\w+) \|/gm)].map(([, ...row]) => row);
    expect(listed).toEqual(rules.map((rule) => [rule.alert, rule.labels['severity'], rule.for]));
  });
});

describe('the dashboard', () => {
  const graphs = dashboard.panels.filter(({ type }) => type !== 'row');

  it('reads only what the broker serves', () => {
    for (const { targets = [], title } of graphs)
      for (const { expr } of targets)
        for (const name of metricsIn(expr)) expect(served, `${title} reads ${name}`).toContain(name);
  });

  it('has a unit, expressions and the chosen data source in every panel', () => {
    expect(graphs.length).toBeGreaterThan(20);
    for (const { datasource, fieldConfig, targets = [], title } of graphs) {
      expect(fieldConfig?.defaults.unit, title).toMatch(/^[a-z]+$/);
      expect(targets.length, title).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
      for (const { uid } of [datasource, ...targets.map((target) => target.datasource)].filter(
        (source) => source !== undefined,
      ))
        expect(uid, title).toBe(`\${datasource}`);
      for (const { expr } of targets) expect(expr, title).toContain('job=~"$job", instance=~"$instance"');
    }
  });

  it('lets data source, job and instance be chosen', () => {
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ]);
    expect([dashboard.title, dashboard.uid]).toEqual(['ce-broker', 'ce-broker']);
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
  });

  it('has no panel over another', () => {
    const taken = new Set<string>();
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken, title).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
      }
    }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  it('shows every metric of the store and of what is late', () => {
    const shown = new Set(
      graphs.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr))),
    );
    const wanted = [...served].filter((name) => /^ce_broker_(store|oldest|stuck|held|resync)_/.test(name));
    expect(wanted.filter((name) => !shown.has(name))).toEqual([]);
  });
});
