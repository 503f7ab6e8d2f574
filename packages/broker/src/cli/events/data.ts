import { CeBrokerError, type Event, type EventData } from 'ce-broker-proto';

/** What an event's data is written as; the content type that goes without saying depends on it. */
type Shape = 'none' | 'json' | 'text' | 'base64';

const USUAL_TYPE: Readonly<Record<Shape, string | undefined>> = Object.freeze({
  none: undefined,
  json: 'application/json',
  text: 'text/plain',
  base64: 'application/octet-stream',
});

export interface WrittenData {
  /** JSON on one line: the data itself, text, `{"base64": ...}`, or null. */
  readonly json: string;
  /** The content type, where it is not the usual one of what was written; null when the event has none. */
  readonly contentType: string | null | undefined;
}

/** Data as JSON keeps its digits and the order of its keys: numbers beyond 2^53 pass unharmed. */
export function writeData(event: Event): WrittenData {
  const { shape, json } = shapeOf(event);
  const type = event.dataContentType;
  return { json, contentType: type === USUAL_TYPE[shape] ? undefined : (type ?? null) };
}

function shapeOf({ data, dataContentType: type }: Event): { shape: Shape; json: string } {
  if (data === undefined) return { shape: 'none', json: 'null' };
  if (data.kind === 'proto') {
    const any = { base64: Buffer.from(data.value).toString('base64'), typeUrl: data.typeUrl };
    return { shape: 'base64', json: JSON.stringify(any) };
  }
  const text = data.kind === 'text' ? data.value : utf8(data.value);
  if (text !== undefined) {
    if (isJsonType(type)) {
      const json = compactJson(text);
      if (json !== undefined && !readsDifferently(json, type)) {
        return { shape: json.startsWith('"') ? 'text' : 'json', json };
      }
    }
    if (data.kind === 'text' || type === undefined || type.startsWith('text/')) {
      return { shape: 'text', json: JSON.stringify(text) };
    }
  }
  return { shape: 'base64', json: JSON.stringify({ base64: Buffer.from(data.value).toString('base64') }) };
}

/** JSON that stands for something else on a line: no data, other bytes, or, without a content type, plain text. */
function readsDifferently(json: string, type: string | undefined): boolean {
  return json === 'null' || json.startsWith('{"base64":') || (type === undefined && json.startsWith('"'));
}

/**
 * The data that `json` (the text of the value, undefined when there is none) stands for, and its content type.
 * `contentType`: what the line says of it; undefined: nothing, so the usual one. Throws `invalid_argument`.
 */
export function readData(
  json: string | undefined,
  contentType: string | null | undefined,
): { data: EventData | undefined; contentType: string | undefined } {
  const typed = (shape: Shape, data: EventData | undefined) => ({
    data,
    contentType: contentType === undefined ? USUAL_TYPE[shape] : (contentType ?? undefined),
  });
  if (json === undefined || json === 'null') return typed('none', undefined);
  if (json.startsWith('"') && !(typeof contentType === 'string' && isJsonType(contentType))) {
    return typed('text', binary(Buffer.from(String(JSON.parse(json)), 'utf8')));
  }
  const encoded = json.startsWith('{') ? readBase64(JSON.parse(json)) : undefined;
  if (encoded !== undefined) return typed('base64', encoded);
  return typed('json', binary(Buffer.from(json, 'utf8')));
}

function readBase64(value: unknown): EventData | undefined {
  if (typeof value !== 'object' || value === null || !('base64' in value)) return undefined;
  const { base64 } = value;
  const typeUrl = 'typeUrl' in value ? value.typeUrl : undefined;
  const keys = Object.keys(value).length;
  if (keys > (typeUrl === undefined ? 1 : 2)) return undefined;
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw new CeBrokerError('invalid_argument', 'data.base64 must be base64 text', { field: 'data' });
  }
  const bytes = Buffer.from(base64, 'base64');
  return typeof typeUrl === 'string' ? { kind: 'proto', typeUrl, value: bytes } : binary(bytes);
}

const binary = (value: Uint8Array): EventData => ({ kind: 'binary', value });

/** CloudEvents without a content type are JSON. */
function isJsonType(type: string | undefined): boolean {
  return type === undefined || /^[^;]*[/+]json\s*(;|$)/i.test(type);
}

/** The text of the bytes; undefined when they are no UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** JSON without the white space between its tokens, all else as it was; undefined when it is no JSON. */
export function compactJson(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let compact = '';
  let kept = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = closingQuote(text, at);
    else if (char === ' ' || char === '\n' || char === '\t' || char === '\r') {
      compact += text.slice(kept, at);
      kept = at + 1;
    }
  }
  return compact + text.slice(kept);
}

/** Where the string that opens at `at` closes, in text that is known to be JSON. */
function closingQuote(text: string, at: number): number {
  for (let pos = at + 1; pos < text.length; pos++) {
    if (text[pos] === '\\') pos++;
    else if (text[pos] === '"') return pos;
  }
  return text.length;
}
