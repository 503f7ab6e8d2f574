import { CeBrokerError } from '../errors.js';

/**
 * The members of a JSON object with the text of each value as it is written, so that numbers keep their digits and data
 * its bytes. Of equal keys the last counts. Throws `invalid_argument` for anything that is not one JSON object.
 */
export function topLevelMembers(text: string, field: string): Map<string, string> {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('invalid_argument', `${field}: broken JSON: ${reason}`, { field, cause });
  }
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) {
    throw new CeBrokerError('invalid_argument', `${field}: must be a JSON object`, { field });
  }
  // The text is valid JSON from here on, so looking for the ends of strings and the depth of brackets is enough.
  const members = new Map<string, string>();
  let pos = text.indexOf('{') + 1;
  for (;;) {
    pos = skipSpace(text, pos);
    if (text[pos] !== '"') return members;
    const keyEnd = endOfString(text, pos);
    const key: unknown = JSON.parse(text.slice(pos, keyEnd));
    const start = skipSpace(text, text.indexOf(':', keyEnd) + 1);
    const end = endOfValue(text, start);
    members.set(String(key), text.slice(start, end));
    pos = skipSpace(text, end);
    if (text[pos] !== ',') return members;
    pos++;
  }
}

function skipSpace(text: string, pos: number): number {
  while (' \t\r\n'.includes(text[pos] ?? '.')) pos++;
  return pos;
}

/** The position behind the closing quote of the string that opens at `pos`. */
function endOfString(text: string, pos: number): number {
  for (let at = pos + 1; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '"') return at + 1;
  }
  return text.length;
}

function endOfValue(text: string, pos: number): number {
  let depth = 0;
  let at = pos;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (
      depth === 0 &&
      (char === ',' || char === ' ' || char === '\t' || char === '\n' || char === '\r')
    ) {
      return at;
    }
    at++;
  }
  return at;
}
