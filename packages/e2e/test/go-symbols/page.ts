import { readFileSync } from 'node:fs';

/** One line of a table in docs/reference/go-symbols.md. */
export interface Line {
  /** Below `pkg/cloudevents` of the SDK. */
  readonly goPackage: string;
  readonly symbol: string;
  /** `Name` or `Name.member`; undefined where there is none, or not in this version. */
  readonly counterpart: string | undefined;
  readonly module: string;
  readonly why: 'none' | 'later' | undefined;
  readonly note: string;
}

const MODULES: Readonly<Record<string, string>> = {
  '/metrics': 'ce-broker-client/metrics',
  '/cloudevents': 'ce-broker-client/cloudevents',
  proto: 'ce-broker-proto',
};

const LINE = /^\| `([^`]+)` \| (?:`([^`]+)`(?: of `([^`]+)`)?|\*\*(none|later)\*\*) \| ?(.*?) ?\|$/;

/** Throws for a line of a table that it cannot read. */
export function readGoSymbols(): readonly Line[] {
  const page = readFileSync(new URL('../../../../docs/reference/go-symbols.md', import.meta.url), 'utf8');
  const lines: Line[] = [];
  let goPackage = '';
  for (const text of page.split('\n')) {
    const heading = /^## `(.+)`$/.exec(text);
    if (heading !== null) goPackage = heading[1] ?? '';
    if (!text.startsWith('| `')) continue;
    const match = LINE.exec(text);
    if (match === null) throw new Error(`docs/reference/go-symbols.md: this line cannot be read: ${text}`);
    const [, symbol = '', counterpart, of, why, note = ''] = match;
    const module = of === undefined ? 'ce-broker-client' : MODULES[of];
    if (module === undefined) throw new Error(`docs/reference/go-symbols.md: no module ${of}: ${text}`);
    lines.push({ goPackage, symbol, counterpart, module, why: why as Line['why'], note });
  }
  return lines;
}
