import { compactJson } from './data.js';

/** JSON over many lines, two spaces a level, every value as it was written; undefined when the text is no JSON. */
export function indentJson(text: string): string | undefined {
  const compact = compactJson(text);
  if (compact === undefined) return undefined;
  let out = '';
  let depth = 0;
  const newLine = () => `\n${'  '.repeat(depth)}`;
  // Strings, numbers and words whole, punctuation one by one.
  for (const [token] of compact.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^"{}[\],:]+/gs)) {
    if (token === '{' || token === '[') {
      depth++;
      out += token + newLine();
    } else if (token === '}' || token === ']') {
      depth--;
      const isEmpty = /[{[]\n *$/.test(out.slice(-2 * depth - 4));
      out = isEmpty ? out.trimEnd() + token : out + newLine() + token;
    } else if (token === ',') out += token + newLine();
    else out += token === ':' ? ': ' : token;
  }
  return out;
}
