import { wrongValue } from '../values.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Why a text cannot be a source id or a cluster's name; undefined when it can. */
export function wrongName(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (Buffer.byteLength(text) > 253) return 'is longer than 253 bytes';
  if (text.includes('/') || text.includes('\\')) return 'holds a slash';
  if (text.trim() !== text) return 'begins or ends with a blank';
  if (text.includes('\ufffd')) return 'is no UTF-8';
  if (CONTROL.test(text)) return 'holds a control character';
  if (text.startsWith('.')) return 'begins with a dot';
  return undefined;
}

/** A source id or the name of a cluster, from an option. Throws `invalid_option`. */
export function readName(option: string, value: string): string {
  const why = wrongName(value);
  if (why === undefined) return value;
  throw wrongValue(
    option,
    value,
    `a name without slashes, blanks at its ends and control characters (it ${why})`,
  );
}

/**
 * Why a text may not be the name of a file in a folder that strangers write into; undefined when it may. A name alone, never a path, and
 * none of the hidden ones, which are the agent's own.
 */
export function wrongFileName(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name === '.' || name === '..') return 'is a folder';
  if (name.includes('/') || name.includes('\\')) return 'holds a slash';
  if (name.startsWith('.')) return 'begins with a dot: hidden files are not written';
  if (name.includes('\ufffd')) return 'is no UTF-8';
  if (CONTROL.test(name)) return 'holds a control character';
  if (Buffer.byteLength(name) > 255) return 'is longer than 255 bytes';
  return undefined;
}

/** Two names with one key are one file on a system that ignores case, or writes accents apart. */
export function fileNameKey(name: string): string {
  return name.normalize('NFC').toLowerCase().normalize('NFC');
}
