// What a terminal takes as an order: C0 and C1 controls, and the characters that turn the direction of text or break lines.
const ORDERS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const SHORT: Readonly<Record<string, string>> = Object.freeze({ '\n': '\\n', '\r': '\\r', '\t': '\\t' });
const CUT_AT = 64;

/** Text that others wrote, on one line and harmless to a terminal: control characters are shown as `\n`, `\x1b`, `\u202e`. */
export function visible(text: string): string {
  return text.replace(ORDERS, (char) => {
    const code = char.charCodeAt(0).toString(16);
    return SHORT[char] ?? (code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`);
  });
}

/** As {@link visible}, for text of many lines: line breaks and tabs stay. */
export function visibleLines(text: string): string {
  return text.replace(/[^\n\t]+/g, visible);
}

/** A cell of a table: one line, and no longer than 64 characters, the last an ellipsis where some are missing. */
export function cell(text: string): string {
  const shown = visible(text);
  if (shown.length <= CUT_AT) return shown;
  const chars = Array.from(shown);
  return chars.length <= CUT_AT ? shown : `${chars.slice(0, CUT_AT - 1).join('')}…`;
}
