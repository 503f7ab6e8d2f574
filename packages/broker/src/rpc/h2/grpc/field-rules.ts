/** What a field may look like in HTTP/2: RFC 9113 §8.2, with the token of RFC 9110 §5.6.2 for names and §5.5 for values. */

const TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

/** Visible characters, with blanks between them only. */
const GOOD_VALUE = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;

/** By byte: 1 where it may stand in a name (a token in lower case). */
const NAME_BYTES = new Uint8Array(256);
for (let at = 0; at < TOKEN.length; at++) NAME_BYTES[TOKEN.charCodeAt(at)] = 1;

/** Fields that speak of one HTTP/1 connection (RFC 9113 §8.2.2). */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

export function isPseudo(name: string): boolean {
  return name.charCodeAt(0) === COLON;
}

/** What is wrong with a field that is no pseudo-header, or undefined. */
export function fieldFault(name: string, value: string): string | undefined {
  if (!isToken(name)) return `the name of header ${shown(name)} is not one of HTTP/2`;
  const fault = valueFault(value);
  if (fault !== undefined) return `header ${name} ${fault}`;
  if (CONNECTION_SPECIFIC.has(name)) return `header ${name} does not belong in HTTP/2`;
  if (name === 'te' && value.toLowerCase() !== 'trailers')
    return `header te is ${shown(value)}, not trailers`;
  return undefined;
}

/** What is wrong with a value, or undefined. */
export function valueFault(value: string): string | undefined {
  if (GOOD_VALUE.test(value)) return undefined;
  const blank = isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1));
  return blank ? 'has a blank at an end of its value' : 'has a control character in its value';
}

/** A token in lower case, not empty. */
export function isToken(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    if (NAME_BYTES[name.charCodeAt(at)] !== 1) return false;
  }
  return name.length > 0;
}

/** A stranger's text for a message: short, and without control characters. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
