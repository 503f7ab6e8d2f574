import { createHash } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';

/** A bearer token and who it stands for. */
export interface StaticToken {
  /** What stands after `Bearer ` in the header. */
  readonly token: string;
  /** Whom it stands for. */
  readonly user: string;
  /** The groups that the user is in. Default: none. */
  readonly groups?: readonly string[];
}

export interface TokenOwner {
  readonly user: string;
  readonly groups: readonly string[];
}

/** Known tokens, by their hash: how long a look-up takes tells nothing about them. */
export class TokenTable {
  readonly #owners = new Map<string, TokenOwner>();

  constructor(tokens: Iterable<StaticToken> = []) {
    for (const { token, user, groups } of tokens) {
      this.#owners.set(digest(token), Object.freeze({ user, groups: Object.freeze([...(groups ?? [])]) }));
    }
  }

  get size(): number {
    return this.#owners.size;
  }

  find(token: string): TokenOwner | undefined {
    return this.#owners.get(digest(token));
  }
}

/**
 * Reads the static token file of Kubernetes: lines of `token,user,uid` with, as a fourth column, the groups in quotes:
 * `token,user,uid,"group1,group2"`. Blank lines and lines that begin with `#` are skipped.
 *
 * @param name how the file is called in errors
 * Throws `invalid_config` that names the file and the line.
 */
export function parseTokenFile(text: string, name: string): readonly StaticToken[] {
  const tokens: StaticToken[] = [];
  const seen = new Map<string, number>();
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const where = `${name}:${index + 1}`;
    const columns = splitLine(line, where);
    if (columns.length < 3) {
      throw broken(
        where,
        `${columns.length} of at least 3 columns; a line is token,user,uid,"group1,group2"`,
      );
    }
    const [token = '', user = '', , groups = ''] = columns;
    if (token === '') throw broken(where, 'the token (column 1) is empty');
    if (user === '') throw broken(where, 'the user (column 2) is empty');
    const earlier = seen.get(token);
    if (earlier !== undefined)
      throw broken(where, `the token of line ${earlier} again; each token stands once`);
    seen.set(token, index + 1);
    tokens.push({
      token,
      user,
      groups: groups
        .split(',')
        .map((group) => group.trim())
        .filter((group) => group !== ''),
    });
  }
  return tokens;
}

/** One line of CSV (RFC 4180): a quoted column may hold commas, and quotes written twice. */
function splitLine(line: string, where: string): string[] {
  const columns: string[] = [];
  let at = 0;
  while (at <= line.length) {
    if (line[at] === '"') {
      const end = /^"(?:[^"]|"")*"/.exec(line.slice(at))?.[0];
      if (end === undefined) throw broken(where, `a quote is not closed in column ${columns.length + 1}`);
      columns.push(end.slice(1, -1).replaceAll('""', '"'));
      at += end.length;
      if (at < line.length && line[at] !== ',')
        throw broken(where, `text after the closing quote of column ${columns.length}`);
      at += 1;
    } else {
      const comma = line.indexOf(',', at);
      const end = comma < 0 ? line.length : comma;
      columns.push(line.slice(at, end).trim());
      at = end + 1;
    }
  }
  return columns;
}

function broken(where: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_config', `${where}: ${what}`, { field: 'tokenFile' });
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
