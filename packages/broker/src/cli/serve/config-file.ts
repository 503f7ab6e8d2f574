import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CeBrokerError } from 'ce-broker-proto';
import { isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import { suggestion } from '../nearest.js';
import { DataTypesError } from './data-types.js';
import { type ServeSettings, serveSettings, settingKeys } from './settings.js';

/**
 * Reads a configuration file, YAML or JSON (which is YAML too). Relative paths in it start at its folder. Throws
 * `unreadable_file`, or `invalid_config` with every mistake, each as `FILE:LINE:COLUMN: what is wrong`.
 */
export function readConfigFile(path: string): ServeSettings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('unreadable_file', `cannot read the configuration file ${path}: ${reason}`, {
      field: 'config',
      cause,
    });
  }
  return parseConfig(text, path);
}

/** As {@link readConfigFile}, from the text of the file. */
export function parseConfig(text: string, path: string): ServeSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const broken = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
  if (broken.length > 0) throw invalid(broken);
  const root = document.contents;
  // A file of comments alone says nothing, and that is fine.
  if (root === null) return {};
  if (!isMap(root)) {
    throw invalid([
      `${at(root.range?.[0] ?? 0)}: must hold settings as KEY: VALUE, for example listen: 127.0.0.1:8090`,
    ]);
  }
  const result = schemaFor(path).safeParse(document.toJS());
  if (result.success) return result.data as ServeSettings;
  const positions = new Map<string, { key: number; value: number }>();
  for (const pair of root.items) {
    const key = pair.key as Node;
    const value = pair.value as Node | null;
    const keyAt = key.range?.[0] ?? 0;
    positions.set(isScalar(key) ? String(key.value) : String(key), {
      key: keyAt,
      value: value?.range?.[0] ?? keyAt,
    });
  }
  throw invalid(
    result.error.issues.flatMap((issue) => {
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map(
          (key) =>
            `${at(positions.get(key)?.key ?? 0)}: unknown key ${JSON.stringify(key)}${suggestion(key, settingKeys)}`,
        );
      }
      const key = String(issue.path[0] ?? '');
      const inside = issue.path.length > 1 ? document.getIn(issue.path, true) : undefined;
      const place = isNode(inside) ? inside.range?.[0] : undefined;
      return [`${at(place ?? positions.get(key)?.value ?? 0)}: ${issue.message}`];
    }),
  );
}

/** The rules of the settings themselves, so that a key takes what its flag takes. */
function schemaFor(path: string): z.ZodType {
  const folder = dirname(path);
  return z.strictObject(
    Object.fromEntries(
      settingKeys.map((key) => {
        const setting = serveSettings[key];
        const schema = z.unknown().transform((value, context): unknown => {
          try {
            const read = setting.read(key, value);
            return setting.file === true ? resolve(folder, String(read)) : read;
          } catch (error) {
            const mistakes =
              error instanceof DataTypesError
                ? error.mistakes
                : [{ path: [], message: CeBrokerError.from(error).message }];
            for (const { message, path } of mistakes)
              context.addIssue({ code: 'custom', message, path: [...path] });
            return z.NEVER;
          }
        });
        return [key, schema.optional()];
      }),
    ),
  );
}

function invalid(mistakes: readonly string[]): CeBrokerError {
  return new CeBrokerError('invalid_config', mistakes.join('\n'), { field: 'config' });
}
