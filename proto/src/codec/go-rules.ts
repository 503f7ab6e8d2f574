/** Rules of Go's CloudEvents reader that have no counterpart in JavaScript's own library. */

const GO_SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const LEADING = new RegExp(`^${GO_SPACE}`);
const TRAILING = new RegExp(`${GO_SPACE}$`);
const NEEDS_TRIM = new RegExp(`^${GO_SPACE}|${GO_SPACE.slice(0, -1)}$`);

/** Go's `strings.TrimSpace`: unlike `trim`, it knows U+0085 and leaves U+FEFF. */
export function goTrim(text: string): string {
  if (!NEEDS_TRIM.test(text)) return text;
  let end = text.length;
  while (end > 0 && TRAILING.test(text.charAt(end - 1))) end--;
  return text.slice(0, end).replace(LEADING, '');
}

/** Whether Go's `url.Parse` takes the text; where it does not, a Go receiver refuses the whole event. */
export function isGoUrl(text: string): boolean {
  // Letters, digits and these never make a URL invalid; most sources are no more than that.
  if (/^[A-Za-z0-9_.~/-]*$/.test(text)) return true;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) return false;
  const hash = text.indexOf('#');
  const fragment = hash < 0 ? '' : text.slice(hash + 1);
  let rest = hash < 0 ? text : text.slice(0, hash);
  if (!escapesAreValid(fragment)) return false;
  if (rest === '') return true;
  let scheme = '';
  const colon = rest.search(/[^A-Za-z0-9+.-]/);
  if (colon >= 0 && rest[colon] === ':') {
    if (colon === 0) return false;
    if (/^[A-Za-z]/.test(rest)) {
      scheme = rest.slice(0, colon);
      rest = rest.slice(colon + 1);
    }
  }
  const query = rest.indexOf('?');
  if (query >= 0) rest = rest.slice(0, query);
  if (!rest.startsWith('/')) {
    // "mailto:someone" is opaque: nothing more is looked at.
    if (scheme !== '') return true;
    const segment = rest.split('/', 1)[0] ?? '';
    if (segment.includes(':')) return false;
  }
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2);
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    rest = slash < 0 ? '' : rest.slice(slash);
    if (!authorityIsValid(authority)) return false;
  }
  return escapesAreValid(rest);
}

function authorityIsValid(authority: string): boolean {
  const at = authority.lastIndexOf('@');
  if (at >= 0) {
    const user = authority.slice(0, at);
    if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user) || !escapesAreValid(user)) return false;
  }
  const host = authority.slice(at + 1);
  if (host.startsWith('[')) {
    const close = host.lastIndexOf(']');
    if (close < 0 || !portIsValid(host.slice(close + 1))) return false;
    const inside = host.slice(1, close);
    const zone = inside.indexOf('%25');
    return zone < 0
      ? hostIsValid(inside)
      : hostIsValid(inside.slice(0, zone)) && escapesAreValid(inside.slice(zone));
  }
  const colon = host.lastIndexOf(':');
  if (colon >= 0 && !portIsValid(host.slice(colon))) return false;
  return hostIsValid(host);
}

function portIsValid(text: string): boolean {
  return text === '' || /^:[0-9]*$/.test(text);
}

/** In a host only bytes outside ASCII may be escaped, and of the ASCII signs some are not allowed at all. */
function hostIsValid(host: string): boolean {
  if (!escapesAreValid(host)) return false;
  if (/%[0-7][0-9A-Fa-f]/.test(host)) return false;
  return !/[ \\^`{|}]/.test(host);
}

function escapesAreValid(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text);
}
